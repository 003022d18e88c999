"""Finds the turns of forums, question-and-answer sites and comment trees."""
