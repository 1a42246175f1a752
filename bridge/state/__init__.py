"""What is asked for and what there is: parameters, status, journal, reference images."""
