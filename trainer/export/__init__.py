"""From weights to a bundle that the server loads: graph, parity gate, card."""
