"""The builtin build tool: recipes into packages without anything but a Debian `/usr`. `tool.Builtin` is the entry."""
