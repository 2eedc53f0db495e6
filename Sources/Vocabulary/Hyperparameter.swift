/// What a training run can be differentiated by: families of values, each value in force over a window of steps. An
/// argument of an update rule belongs to the family that its card names; the learning rate is no argument of a rule.
public enum Hyperparameter: Int, CaseIterable, Sendable {
  case learningRate
  /// How much of the step before, or of the gradient's average, is kept.
  case momentum
  case weightDecay
  /// How much of the squared gradient's average is kept.
  case beta2
  case epsilon

  /// As users and the ABI call the values.
  public var key: String {
    switch self {
    case .learningRate: "learning_rates"
    case .momentum: "momentums"
    case .weightDecay: "weight_decays"
    case .beta2: "beta2s"
    case .epsilon: "epsilons"
    }
  }
}
