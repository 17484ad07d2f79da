"""Where a build's commands run: namespaces of their own, a root of their own, and nothing left when they end."""
