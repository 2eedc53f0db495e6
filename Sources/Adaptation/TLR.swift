import Vocabulary

/// What becomes of a rate that has collapsed (the TLR paper, appendix C).
struct Restart {
  enum Origin: Choice { case initial, largest }

  let initial: Double
  /// 0: never.
  let fraction: Double
  let origin: Origin
  /// Of the cycle, which begins with a restart.
  var largest: Double

  init(_ settings: Settings, initial: Double) {
    self.initial = initial
    fraction = settings["restart"]
    origin = settings.choice("restart_from")
    largest = initial
  }

  mutating func applied(_ rate: Double) -> Double {
    largest = max(largest, rate)
    guard rate < fraction * initial else { return rate }
    let start = origin == .largest ? largest : initial
    largest = start
    return start
  }

  var state: [(name: String, value: Double)] {
    fraction > 0 && origin == .largest ? [("largest", largest)] : []
  }
  mutating func restore(_ state: [String: Double]) { largest = state["largest"] ?? largest }
}

/// What all rates that count in windows are told.
let windowArguments: [Card.Argument] = [
  .init(
    "window", 1 / 3, .above(0, to: 1),
    "window as a fraction of an epoch; over a direction that keeps b of its average at least 3 / (1 - b) steps"
  ),
  .init("window_steps", 0, .countOrZero, "window in steps; 0: use the fraction"),
  RateChoice.sharing,
  .init("steps_per_epoch", optional: .count, "steps of an epoch; none: what `fit` knows"),
  .init(
    "restart", optional: .from(0, below: 1),
    "fraction of the first rate below which it starts anew; none: never"),
  .init(
    "restart_from", Restart.Origin.self, "the rate it starts anew from: the first, or the largest since then"),
]

/// Trainable learning rate, efficient variant (the TLR paper, eq. 9 and Algorithm 2), before the step that ends a window.
/// The factor lies in [3/4, 1 + bound], so a positive rate stays positive. The sign of the curvature estimate is the paper's:
/// the rule grows by the bound while steps agree and shrinks mildly when they do not; it is not Newton's.
///
/// With `restart`, a rate that has fallen below that fraction of the first starts anew from the first, or from the largest
/// since the restart before. A rate that has shrunk where steps disagreed, by noise or in a narrow place, grows by at most 1 + bound per window again.
public struct TLR: RateMachine {
  public static let card = Card(
    "tlr", title: "TLR",
    about: """
      Trainable learning rate, the efficient variant: one multiplication of the rate per window.

          rate *= 1 + I / max(4 (n - I), I / bound),  I = <u, u'>,  n = |u|^2

      u is the displacement of the window that has just ended divided by its rate, u' that of the window before. The
      factor is 3/4 at least and 1 + bound at most.
      """,
    paper: "the TLR paper (Trainable Learning Rate), eq. 7-9 and Algorithm 2",
    cost: "two inner products and two vectors per window",
    arguments: [
      .init("initial", 0.01, .positive, "the first rate"),
      .init("bound", 0.25, .positive, "largest relative growth per window"),
    ] + windowArguments)
  public static let memories: Set<Memory> = [.window]

  private let bound: Double
  private var restart: Restart
  private let limits: RateLimits
  private var rate: Double

  public init(_ settings: Settings, limits: RateLimits) throws {
    bound = settings["bound"]
    rate = limits.clamp(settings["initial"])
    restart = Restart(settings, initial: rate)
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if let window = step.window {
      let (i, n) = (window.previousDot, window.norm2)
      let q = max(4 * (n - i), i / bound)
      let factor = 1 + i / q
      if q != 0, factor.isFinite { rate = restart.applied(limits.clamp(rate * factor)) }
    }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] { [("rate", rate)] + restart.state }
  public mutating func restore(_ state: [String: Double]) {
    rate = state["rate"] ?? rate
    restart.restore(state)
  }
}
