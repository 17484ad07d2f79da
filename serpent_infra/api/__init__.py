"""What all of the REST API shares: pages of results and the form of its errors."""
