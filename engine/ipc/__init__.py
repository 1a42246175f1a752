"""Between bridge and worker: messages over pipes, frames through shared memory."""
