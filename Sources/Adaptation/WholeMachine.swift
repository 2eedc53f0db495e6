import Vocabulary

/// A rate that is a whole method: it changes the recursion of its direction, and so goes with some directions only.
///
/// The scalar half, as ever, sees numbers alone. Each step: `prepare` gives the numbers of the first pass over the
/// vectors, `decide` sees what that pass has summed (over all tensors) and gives the rate, `second` the numbers of the
/// second pass. The passes are the `MethodRule`s of the `Optimization` module.
public protocol WholeMachine: RateMachine {
  /// By name.
  static var directions: [String] { get }
  /// Goes on with SGD's momentum; otherwise the method has its own and SGD's must be 0.
  static var keepsMomentum: Bool { get }

  /// Of the step about to be taken, as far as it is known.
  var rate: Double { get }
  /// nil: leave everything as it is.
  mutating func prepare(_ step: StepView) -> PassScalars?
  /// Returns the rate with the schedule's factor in it.
  mutating func decide(_ step: StepView) -> Decision
  var second: PassScalars { get }
  /// Weight of the average in the point of training, between the last point and the average of all.
  var interpolation: Double { get }
}

extension WholeMachine {
  public static var keepsMomentum: Bool { false }
  public var second: PassScalars { PassScalars() }
  public var interpolation: Double { 1 }

  /// Rates bounded by the user's limits before the schedule multiplies them.
  func bounded(_ rate: Double, _ limits: RateLimits, _ step: StepView) -> Double {
    limits.clamp(rate) * step.pairing.factor
  }
}
