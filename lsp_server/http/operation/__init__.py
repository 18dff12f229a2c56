"""What whoever runs the service needs: measures, today's figures, the control socket."""
