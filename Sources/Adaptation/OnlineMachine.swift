/// A rate that descends on a validation loss. After every step the optimizer measures the loss's derivative with
/// respect to the rate, Delta = <validation gradient, z>, with z the derivative of the parameters with respect to the
/// rate of all steps so far; the machine sees it as `hypergradient` before the next step.
public protocol OnlineMachine: RateMachine {
  /// What z and the derivatives of the rule's vectors are multiplied by before every step.
  var discount: Double { get }
}

extension OnlineMachine {
  public static var memories: Set<Memory> { [.rateTangent] }
}
