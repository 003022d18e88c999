"""What answers requests: endpoints, and the cache before them."""
