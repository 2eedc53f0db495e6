/// The directions as plain arithmetic on one number, from their papers and PyTorch's documentation.
struct Reference {
  typealias Rule = (_ t: Int, _ g: Double, _ theta: Double) -> (d: Double, smoothed: Double)
  let name: String
  let arguments: [String: Double]
  /// A rule with state of its own; g has no weight decay in it yet.
  let make: () -> Rule

  static let all: [Reference] = [
    Reference(name: "sgd", arguments: [:]) { { _, g, _ in (g, g) } },
    Reference(name: "sgd", arguments: ["weight_decay": 0.1]) { { _, g, x in (g + 0.1 * x, g + 0.1 * x) } },
    momentum(0.9, dampening: 0, decay: 0), momentum(0.5, dampening: 0.25, decay: 0.01),
    momentum(1, dampening: 0.5, decay: 0),
    Reference(name: "sgd", arguments: ["momentum": 0.8, "nesterov": 1, "weight_decay": 0.05]) {
      var (v, weight) = (0.0, 0.0)
      return { t, g, x in
        let g = g + 0.05 * x
        v = t == 1 ? g : 0.8 * v + g
        weight = t == 1 ? 1 : 0.8 * weight + 1
        return (g + 0.8 * v, v / weight)
      }
    },
    average(0.9, decay: 0), average(0, decay: 0.1), average(0.75, decay: 0.02),
    adam([:], 0.9, 0.999, 1e-8, coupled: 0), adam(["beta1": 0.5, "beta2": 0.9], 0.5, 0.9, 1e-8, coupled: 0),
    adam(["epsilon": 0.1, "weight_decay": 0.3], 0.9, 0.999, 0.1, coupled: 0.3),
    adam([:], 0.9, 0.999, 1e-8, coupled: 0, decoupled: 0.01),
    adam(["weight_decay": 0.2, "beta2": 0.95], 0.9, 0.95, 1e-8, coupled: 0, decoupled: 0.2),
    rmsprop([:], 0.99, 1e-8, momentum: 0, decay: 0),
    rmsprop(["alpha": 0.9, "epsilon": 1e-3, "weight_decay": 0.1], 0.9, 1e-3, momentum: 0, decay: 0.1),
    rmsprop(["alpha": 0.9, "momentum": 0.6], 0.9, 1e-8, momentum: 0.6, decay: 0),
    Reference(name: "adagrad", arguments: [:]) {
      var sum = 0.0
      return { _, g, _ in
        sum += g * g
        return (g / (sum.squareRoot() + 1e-10), g)
      }
    },
    Reference(
      name: "adagrad",
      arguments: ["lr_decay": 0.5, "initial_accumulator_value": 0.3, "epsilon": 0.01, "weight_decay": 0.1]
    ) {
      var sum = 0.3
      return { t, g, x in
        let g = g + 0.1 * x
        sum += g * g
        return (g / (1 + 0.5 * Double(t - 1)) / (sum.squareRoot() + 0.01), g)
      }
    },
    Reference(name: "adadelta", arguments: ["rho": 0.8, "epsilon": 1e-4, "weight_decay": 0.1]) {
      var (square, delta) = (0.0, 0.0)
      return { _, g, x in
        let g = g + 0.1 * x
        square = 0.8 * square + 0.2 * g * g
        let d = g * ((delta + 1e-4) / (square + 1e-4)).squareRoot()
        delta = 0.8 * delta + 0.2 * d * d
        return (d, g)
      }
    },
  ]

  private static func momentum(_ mu: Double, dampening: Double, decay: Double) -> Reference {
    Reference(name: "sgd", arguments: ["momentum": mu, "dampening": dampening, "weight_decay": decay]) {
      var (v, weight) = (0.0, 0.0)
      return { t, g, x in
        let g = g + decay * x
        v = t == 1 ? g : mu * v + (1 - dampening) * g
        weight = t == 1 ? 1 : mu * weight + (1 - dampening)
        return (v, v / weight)
      }
    }
  }

  private static func average(_ beta: Double, decay: Double) -> Reference {
    Reference(name: "ema", arguments: ["beta": beta, "weight_decay": decay]) {
      var (m, remaining) = (0.0, 1.0)
      return { _, g, x in
        m = beta * m + (1 - beta) * (g + decay * x)
        remaining *= beta
        return (m / (1 - remaining), m / (1 - remaining))
      }
    }
  }

  private static func adam(
    _ arguments: [String: Double], _ beta1: Double, _ beta2: Double, _ epsilon: Double, coupled: Double,
    decoupled: Double = 0
  ) -> Reference {
    Reference(name: decoupled == 0 ? "adam" : "adamw", arguments: arguments) {
      var (m, v, remaining1, remaining2) = (0.0, 0.0, 1.0, 1.0)
      return { _, g, x in
        let g = g + coupled * x
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        remaining1 *= beta1
        remaining2 *= beta2
        let mean = m / (1 - remaining1)
        return (mean / ((v / (1 - remaining2)).squareRoot() + epsilon) + decoupled * x, mean)
      }
    }
  }

  private static func rmsprop(
    _ arguments: [String: Double], _ alpha: Double, _ epsilon: Double, momentum: Double, decay: Double
  ) -> Reference {
    Reference(name: "rmsprop", arguments: arguments) {
      var (v, b) = (0.0, 0.0)
      return { _, g, x in
        let g = g + decay * x
        v = alpha * v + (1 - alpha) * g * g
        b = momentum * b + g / (v.squareRoot() + epsilon)
        return (b, g)
      }
    }
  }
}
