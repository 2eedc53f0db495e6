import Vocabulary

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
  /// <g^, d> with g^ an average of the gradient that the rate asked for; for machines that use it.
  public var averageSlope = 0.0
  public var gradientNorm2 = 0.0
  /// Numbers in all parameters that have a gradient; 0 where nobody has said.
  public var entries = 0.0
  /// How much longer the direction, of whole methods the gradient, would be without clipping. The slopes are of the loss,
  /// clipping or not.
  public var stretch = 1.0
  /// One over the cosine between the direction's average of the gradient and what it would be without clipping. A target for
  /// the loss times it lies as far as without: clipping by value turns the gradient, and along the turned one the same
  /// decrease is farther.
  public var turn = 1.0
  public var stepsPerEpoch = 500.0
  /// At the end of a window only.
  public var window: Window?
  /// From the second step on, for machines that use it.
  public var previous: Previous?
  /// |theta - theta_0|^2 and <g, theta_0 - theta>, for machines that use the start.
  public var travelled2 = 0.0
  public var startDot = 0.0
  /// |theta_0|^2, likewise.
  public var start2 = 0.0
  /// At the end of an epoch, for machines that use it: s's and s'y of the displacement s since the end of the epoch
  /// before and the change y of the epoch's averaged gradient.
  public var epoch: (displacement2: Double, displacementChange: Double)?
  /// For whole methods only.
  public var pairing = Pairing()
  /// What the first pass of a whole method summed.
  public var sums = PassSums()
  /// For online machines, from the second step on: the derivative of the validation loss by the rate, where the step
  /// before has led. Not finite where that loss was not.
  public var hypergradient: Double?
  /// d'Hd, once it was asked for.
  public var curvature: Double?
  /// The answer to the last probe of this step.
  public var probe: Probe?

  public init(loss: Double) { self.loss = loss }

  /// The direction that a whole method goes with, and the schedule that multiplies its rate.
  public struct Pairing {
    /// Adam's second moment, not plain descent.
    public var adaptive = false
    public var beta1 = 0.0, beta2 = 0.0
    public var hasCoupledDecay = false
    public var factor = 1.0
    public init() {}
  }

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

  /// Inner products with the step before: its gradient g', its direction d' (the step was -rate d').
  public struct Previous {
    /// <g, d'> and |g|^2 with the weight decay in g, and |d'|^2.
    public var decayedDirectionDot = 0.0
    public var decayedGradientNorm2 = 0.0
    public var directionNorm2 = 0.0
    /// <g - g', d'> and |g - g'|^2, for machines that use the gradient before.
    public var changeDot = 0.0
    public var changeNorm2 = 0.0
    /// The rate that was taken.
    public var rate = 0.0
    public init() {}
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
  /// Evaluate d'Hd at the current point and decide again.
  case measureCurvature
  /// Put the parameters and the direction's state back to where they were before the first step of the search, and take no
  /// step.
  case putBack

  /// The decision without its number; for the ABI.
  public enum Kind: Int32, CaseIterable, Sendable {
    case take = 0
    case stay = 1
    case probe = 2
    case probeGradient = 3
    case measureCurvature = 4
    case putBack = 5
  }

  public var kind: Kind {
    switch self {
    case .take: .take
    case .stay: .stay
    case .probe: .probe
    case .probeGradient: .probeGradient
    case .measureCurvature: .measureCurvature
    case .putBack: .putBack
    }
  }

  /// The rate to be taken or the length to be probed; 0 where there is none.
  public var number: Double {
    switch self {
    case .take(let rate): rate
    case .probe(let length), .probeGradient(let length): length
    case .stay, .measureCurvature, .putBack: 0
    }
  }
}

/// What a rate wants to be remembered of past steps. The optimizer keeps the vectors, and the machine sees what they make
/// of the step at hand. A saved state lists them in this order.
public enum Memory: CaseIterable, Sendable {
  /// The direction of the step before, for `previous` of `StepView`.
  case previous
  /// Its gradient, too, for all of `previous`.
  case previousGradient
  /// Where the parameters began, for `travelled2`, `startDot` and `start2`.
  case start
  /// Where training goes on, while the parameters stand at another point to be evaluated.
  case trainingPoint
  /// The derivatives of parameters and direction's state by the rate, for `hypergradient`.
  case rateTangent
  /// The gradient averaged over each epoch, for `epoch`.
  case epochAverage
  /// The gradient accumulated over a window, for `window`.
  case window
  /// An average of the gradient beside the direction's, for `averageSlope`.
  case gradientAverage
  /// Where a search began, for `putBack`.
  case searchStart
}

/// A learning rate as a scalar state machine: it asks and decides, and never touches a vector.
public protocol RateMachine {
  static var card: Card { get }
  /// Needs loss evaluations away from the current point.
  static var probes: Bool { get }
  /// Asks for the curvature of the loss.
  static var measuresCurvature: Bool { get }
  static var needsLoss: Bool { get }
  /// Compares losses, or looks for the curvature of the loss: where gradients are clipped it must see those of the loss,
  /// other rates those that are followed.
  static var seesLoss: Bool { get }
  static var memories: Set<Memory> { get }
  /// Those that depend on what it was told, beside the others.
  static func memories(_ settings: Settings) -> Set<Memory>
  /// What the average of `gradientAverage` keeps of itself at a step.
  static func averaging(_ settings: Settings) -> Double
  /// Uses the number of steps per epoch, 500 where nobody knows it.
  static var usesEpoch: Bool { get }
  /// Rates below zero are meant unless the user forbids them.
  static var lowestRate: Double { get }
  /// The argument that says from which rate it begins, if there is one.
  static var firstRate: String? { get }

  init(_ settings: Settings, limits: RateLimits) throws
  /// Whether a step with this loss may be taken at all; nothing has been changed yet.
  func check(loss: Double) throws
  mutating func decide(_ step: StepView) -> Decision
  /// Whether the last decision was not the formula's, because it gave no usable rate.
  var fellBack: Bool { get }

  /// Everything that a resumed run needs, by name.
  var state: [(name: String, value: Double)] { get }
  mutating func restore(_ state: [String: Double])
}

extension RateMachine {
  public static var probes: Bool { false }
  public static var measuresCurvature: Bool { false }
  public static var needsLoss: Bool { false }
  public static var seesLoss: Bool {
    needsLoss || probes || !memories.isDisjoint(with: [.previousGradient, .epochAverage])
  }
  public static var memories: Set<Memory> { [] }
  public static func memories(_ settings: Settings) -> Set<Memory> { [] }
  public static func averaging(_ settings: Settings) -> Double { 0 }
  public static var usesEpoch: Bool { false }
  public static var lowestRate: Double { 0 }
  public static var firstRate: String? {
    ["initial", "trial"].first { name in card.arguments.contains { $0.name == name } }
  }
  public var fellBack: Bool { false }
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
