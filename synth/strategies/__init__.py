"""What to ask and what to make of the answers: one module and one template for each strategy."""
