"""The small solver of the demo and the tests: its curriculum, its training and its evaluation."""
