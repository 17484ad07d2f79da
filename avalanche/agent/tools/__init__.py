"""Build tools: what turns an order into packages. `protocol` says what each promises."""
