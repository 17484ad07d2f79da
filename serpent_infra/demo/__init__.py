"""The main job, shown and proved: example recipes go in by git, a program runs from what is published."""
