"""Recognises code listings, and undoes what highlighters did to them."""
