"""Between bridge and worker: messages through pipes, frames through shared memory."""
