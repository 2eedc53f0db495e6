import Kernels
import Vocabulary

/// What a training run can be differentiated by.
public enum Hyperparameter: Int, CaseIterable, Sendable {
  case learningRate
  /// Of SGD; Adam's beta1.
  case momentum
  case weightDecay
  case beta2
  case epsilon
}

/// The hyperparameters in force at one step.
public struct StepConstants<L: Lane> {
  public var rate, momentum, decay, beta2, epsilon: L

  public init() {
    (rate, momentum, decay, beta2, epsilon) = (L(0), L(0), L(0), L(0), L(0))
  }

  public subscript(_ hyperparameter: Hyperparameter) -> L {
    get {
      switch hyperparameter {
      case .learningRate: rate
      case .momentum: momentum
      case .weightDecay: decay
      case .beta2: beta2
      case .epsilon: epsilon
      }
    }
    set {
      switch hyperparameter {
      case .learningRate: rate = newValue
      case .momentum: momentum = newValue
      case .weightDecay: decay = newValue
      case .beta2: beta2 = newValue
      case .epsilon: epsilon = newValue
      }
    }
  }
}

/// The rules that training runs are differentiated through, weight decay coupled: PyTorch's SGD with momentum, the same
/// with Nesterov's, and Adam.
public enum TrainingRule: String, CaseIterable, Sendable {
  case sgd
  case nesterov
  case adam

  public var stateCount: Int { self == .adam ? 2 : 1 }

  public var hyperparameters: [Hyperparameter] {
    self == .adam ? Hyperparameter.allCases : [.learningRate, .momentum, .weightDecay]
  }

  /// The constants of the rule at step t, counted from 1. Adam corrects its averages by the betas of this step alone,
  /// as PyTorch does when they change on the way.
  func hyper<L: Lane>(_ c: StepConstants<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>(HyperValues())
    h.decay = c.decay
    guard self == .adam else {
      h.momentum = c.momentum
      return h
    }
    (h.beta1, h.beta2, h.epsilon) = (c.momentum, c.beta2, c.epsilon)
    (h.complement1, h.complement2) = (L(1) - c.momentum, L(1) - c.beta2)
    h.correction1 = L(1) / (L(1) - power(c.momentum, t))
    h.correction2 = L(1) / (L(1) - power(c.beta2, t))
    return h
  }

  public func values(_ c: StepConstants<Double>, _ t: Int) -> HyperValues { HyperValues(hyper(c, t)) }

  public func kernels(_ dtype: DType) -> RuleKernels {
    switch self {
    case .sgd: .pair(MomentumRule.self, dtype, slots: 1)
    case .nesterov: .pair(NesterovRule.self, dtype, slots: 1)
    case .adam: .pair(AdamRule.self, dtype, slots: 2)
    }
  }

  public func tangentKernels(_ dtype: DType) -> TangentKernels {
    switch self {
    case .sgd: .pair(self, MomentumRule.self, dtype)
    case .nesterov: .pair(self, NesterovRule.self, dtype)
    case .adam: .pair(self, AdamRule.self, dtype)
    }
  }

  public func adjointKernels(_ dtype: DType) -> AdjointKernels {
    switch self {
    case .sgd: .pair(self, MomentumRule.self, dtype)
    case .nesterov: .pair(self, NesterovRule.self, dtype)
    case .adam: .pair(self, AdamRule.self, dtype)
    }
  }
}
