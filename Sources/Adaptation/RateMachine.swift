import Kernels

/// What a rate may know of the step about to be taken: a few numbers, all in double precision.
///
/// g is the gradient of the loss, d the direction, so that the step is -rate d.
public struct StepView {
  public var loss: Double
  /// Relative rounding error of a loss: that of the element type it was computed in.
  public var precision = Double.ulpOfOne
  /// <g, d>: minus the derivative of the loss along the step.
  public var slope = 0.0
  /// <g^, d> with g^ the direction's own bias-corrected average of the gradient, decay included; g itself where the
  /// direction keeps no average.
  public var smoothedSlope = 0.0
  public var gradientNorm2 = 0.0
  /// At the end of a window only.
  public var window: Window?
  /// The answer to the last probe of this step.
  public var probe: Probe?

  public init(loss: Double) { self.loss = loss }

  /// Inner products of the accumulated gradient of the window that has just ended with that of the one before (0 at
  /// first), and with itself.
  public struct Window {
    public var previousDot: Double
    public var norm2: Double
    public init(previousDot: Double, norm2: Double) {
      self.previousDot = previousDot
      self.norm2 = norm2
    }
  }

  public struct Probe {
    public var length: Double
    public var loss: Double
    /// <gradient at the probe, d>; only if the gradient was asked for.
    public var slope: Double
    public init(length: Double, loss: Double, slope: Double = .nan) {
      self.length = length
      self.loss = loss
      self.slope = slope
    }
  }
}

public enum Decision: Equatable {
  case take(Double)
  /// Leave the parameters where they are.
  case stay
  /// Evaluate the loss at theta - length d and decide again.
  case probe(at: Double)
  /// The same, with the gradient there.
  case probeGradient(at: Double)
}

/// A learning rate as a scalar state machine: it asks and decides, and never touches a vector.
public protocol RateMachine {
  static var card: Card { get }
  /// Needs loss evaluations away from the current point.
  static var probes: Bool { get }
  static var needsLoss: Bool { get }
  static var usesWindow: Bool { get }

  init(_ settings: Settings, limits: RateLimits) throws
  /// Whether a step with this loss may be taken at all; nothing has been changed yet.
  func check(loss: Double) throws
  mutating func decide(_ step: StepView) -> Decision

  /// Everything that a resumed run needs, by name.
  var state: [(name: String, value: Double)] { get }
  mutating func restore(_ state: [String: Double])
}

extension RateMachine {
  public static var probes: Bool { false }
  public static var needsLoss: Bool { false }
  public static var usesWindow: Bool { false }
  public func check(loss: Double) throws {}
}

/// Bounds that a user sets on any rate.
public struct RateLimits: Sendable {
  public let low: Double
  public let high: Double

  public init(low: Double = 0, high: Double = .infinity) throws {
    guard !low.isNaN, !high.isNaN, low <= high else {
      throw Failure.value("min_lr must not exceed max_lr, got min_lr=\(low) and max_lr=\(high)")
    }
    self.low = low
    self.high = high
  }

  public func clamp(_ rate: Double) -> Double { min(max(rate, low), high) }
}
