"""From what comes in and what is generated to what is sent: both ends, and the clock."""
