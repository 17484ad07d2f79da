"""The pages of planning: projects, repositories, recipes, builds, the queue, and Home."""
