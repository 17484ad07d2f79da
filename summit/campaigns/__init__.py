"""Mass rebuilds: chosen, looked at before the click, built in a stream of their own, published or abandoned as one."""
