"""HTTP: the page, REST, the WebSockets, and who may ask for what."""
