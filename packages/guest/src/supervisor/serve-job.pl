# The program for jobs where none waits: one request, on the channel that it came on itself.
serve_job();
