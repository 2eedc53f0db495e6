import Adaptation

/// A number that a decision was made from: how a record takes it from a step, and how a replay puts it back. NaN is what
/// the method did not ask for.
struct StepInput: Sendable {
  let name: String
  let value: @Sendable (StepView) -> Double
  let put: @Sendable (inout StepView, Double) -> Void

  init(
    _ name: String, _ value: @escaping @Sendable (StepView) -> Double,
    _ put: @escaping @Sendable (inout StepView, Double) -> Void
  ) {
    (self.name, self.value, self.put) = (name, value, put)
  }

  /// Of a step before.
  private static func previous(
    _ name: String, _ field: WritableKeyPath<StepView.Previous, Double> & Sendable
  ) -> StepInput {
    StepInput(name, { $0.previous?[keyPath: field] ?? .nan }) { view, number in
      var previous = view.previous ?? StepView.Previous()
      previous[keyPath: field] = number
      view.previous = previous
    }
  }

  private static func always(_ name: String, _ field: WritableKeyPath<StepView, Double> & Sendable)
    -> StepInput
  {
    StepInput(name, { $0[keyPath: field] }) { $0[keyPath: field] = $1 }
  }

  static let all: [StepInput] = [
    always("loss", \.loss),
    always("slope", \.slope),
    always("smoothed_slope", \.smoothedSlope),
    always("gradient_norm2", \.gradientNorm2),
    always("stretch", \.stretch),
    always("turn", \.turn),
    always("steps_per_epoch", \.stepsPerEpoch),
    previous("previous_dot", \.decayedDirectionDot),
    previous("previous_gradient_norm2", \.decayedGradientNorm2),
    previous("previous_direction_norm2", \.directionNorm2),
    previous("change_dot", \.changeDot),
    previous("change_norm2", \.changeNorm2),
    previous("previous_rate", \.rate),
    StepInput("window_dot", { $0.window?.previousDot ?? .nan }) {
      $0.window = StepView.Window(previousDot: $1, norm2: $0.window?.norm2 ?? 0)
    },
    StepInput("window_norm2", { $0.window?.norm2 ?? .nan }) {
      $0.window = StepView.Window(previousDot: $0.window?.previousDot ?? 0, norm2: $1)
    },
    StepInput("epoch_displacement2", { $0.epoch?.displacement2 ?? .nan }) {
      $0.epoch = ($1, $0.epoch?.displacementChange ?? 0)
    },
    StepInput("epoch_change", { $0.epoch?.displacementChange ?? .nan }) {
      $0.epoch = ($0.epoch?.displacement2 ?? 0, $1)
    },
    StepInput("hypergradient", { $0.hypergradient ?? .nan }) { $0.hypergradient = $1 },
    always("travelled2", \.travelled2),
    always("start_dot", \.startDot),
    always("start2", \.start2),
    always("entries", \.entries),
  ]
}
