import Vocabulary

/// QLABGrad (the QLABGrad paper, eq. 10), along any direction. FindPLR goes on from the current trial rate.
/// Deviations: a probe that is not finite counts as +infinity in FindPLR, and elsewhere halves the trial rate for good
/// and is repeated; both loops are capped. A bracket within a few rounding errors of the two losses says nothing of
/// the curvature and counts as not positive: in float32 a trial rate of 1e-4 would otherwise divide by noise. A rate
/// beyond `check` trial rates is an extrapolation and is checked. Without the check the rule is the paper's, and a bracket
/// is taken as it is. The paper's claim that rates stay below the trial rate (Lemma 2) does not hold and is not enforced.
/// No loss is evaluated at a rate that `max_lr` forbids.
public struct QLABGrad: RateMachine {
  public static let card = Card(
    "qlabgrad", title: "QLABGrad",
    about: """
      The minimum of a parabola through the loss, its slope, and the loss after a trial step.

          rate = s a^2 / (2 (L(theta - a d) - L(theta) + a s)),  s = <g, d>

      a is the trial rate, which is taken where the bracket is not positive. FindPLR finds it at the start and again every
      refind_every steps: doubling while the bracket is negative, then halving while the loss rises. A rate beyond check a
      is halved until the loss there has fallen by four fifths of what the parabola promises. That check is not in the
      paper, whose rule without it can raise the loss of a smooth convex function at every step. halving is Box and
      Kanemasu's: a trial point whose loss is higher is tried at half the rate, in this step alone; their bound on the
      rate is max_ratio=1.1. follow lets the trial rate come after the rates: it is the last rate, but at most twice the
      last trial rate, and half of it where the loss at the trial point was higher.
      """,
    paper: "the QLABGrad paper, eq. 10 and FindPLR", cost: "one more forward pass",
    arguments: [
      .init("trial", 0.1, .positive, "the trial rate, or where its search starts"),
      .init("find_trial", 1, .flag, "search for the trial rate (FindPLR)"),
      .init("refind_every", 100, .count, "steps between searches"),
      .init("max_ratio", .infinity, .positiveOrInfinite, "largest rate, as a multiple of the trial rate"),
      .init(
        "check", optional: .positive, default: 2.5, "trial rates beyond which a rate is checked; none: never"),
      .init("halving", 0, .flag, "halve a step's trial rate while its loss is higher (Box and Kanemasu)"),
      .init("follow", 0, .flag, "let the trial rate follow the rates"),
    ])
  public static let probes = true
  public static let needsLoss = true

  private enum Phase {
    case idle
    case doubling
    case halving
    case measuring
    case checking
  }

  private static let searchLimit = 64
  private static let roundingErrors = 8.0
  /// Of slope times rate; the parabola promises half of that.
  private static let leastDecrease = 0.4

  private let findTrial: Bool
  private let every: Int
  private let maxRatio: Double
  /// Trial rates up to which the parabola is believed unchecked.
  private let trusted: Double
  private let halves: Bool
  private let follows: Bool
  private let limits: RateLimits
  private var trial: Double
  /// What the trial rate is again after a step that halved it.
  private var kept = 0.0
  /// Whether the loss at the last trial point was higher.
  private var isHigher = false
  private var steps = 0
  private var phase = Phase.idle
  private var tries = 0
  private var candidate = 0.0
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    trial = settings["trial"]
    findTrial = settings["find_trial"] != 0
    every = Int(settings["refind_every"])
    maxRatio = settings["max_ratio"]
    trusted = settings["check"] > 0 ? settings["check"] : .infinity
    halves = settings["halving"] != 0
    follows = settings["follow"] != 0
    self.limits = limits
    trial = min(trial, limits.high)
  }

  public mutating func decide(_ step: StepView) -> Decision {
    guard let probe = step.probe, phase != .idle else {
      phase = findTrial && steps % every == 0 ? .doubling : .measuring
      tries = 0
      trial = min(trial, limits.high / step.stretch)
      kept = trial
      return .probe(at: trial * step.stretch)
    }
    let loss = probe.loss.isFinite ? probe.loss : .infinity
    if phase == .doubling {
      let mayDouble = 2 * trial * step.stretch <= limits.high
      if bracket(step, loss) < 0, step.slope > 0, mayDouble, tries < QLABGrad.searchLimit {
        return retry(trial * 2, step)
      }
      phase = .halving
      tries = 0
    }
    if phase == .halving {
      if loss > step.loss, tries < QLABGrad.searchLimit { return retry(trial / 2, step) }
      phase = .measuring
      tries = 0
      kept = trial
    }
    if phase == .checking {
      let falls = loss <= step.loss - QLABGrad.leastDecrease * candidate * step.slope
      return falls ? finish(candidate, step) : extrapolate(to: candidate / 2, step)
    }
    if !loss.isFinite {
      kept = min(kept, trial / 2)
      if tries < QLABGrad.searchLimit { return retry(trial / 2, step) }
      phase = .idle
      return .stay
    }
    isHigher = loss > step.loss
    if halves, isHigher, tries < QLABGrad.searchLimit { return retry(trial / 2, step) }
    return extrapolate(to: rate(step, loss), step)
  }

  /// Takes a rate near the trial rate at once; one far beyond it only if the loss there has fallen.
  private mutating func extrapolate(to rate: Double, _ step: StepView) -> Decision {
    let rate = limits.clamp(rate)
    guard rate > trusted * trial * step.stretch else { return finish(rate, step) }
    phase = .checking
    candidate = rate
    return .probe(at: rate)
  }

  private mutating func finish(_ rate: Double, _ step: StepView) -> Decision {
    phase = .idle
    steps += 1
    let taken = limits.clamp(rate)
    if follows {
      // a parabola without a minimum asks for more
      let next = fellBack ? 2 * trial : min(taken / step.stretch, 2 * trial)
      trial = isHigher ? trial / 2 : max(next, Double.leastNormalMagnitude)
    } else {
      trial = kept
    }
    return .take(taken)
  }

  private mutating func retry(_ length: Double, _ step: StepView) -> Decision {
    trial = length
    tries += 1
    return .probe(at: trial * step.stretch)
  }

  /// Twice the estimated curvature times trial^2 / 2; negative where rounding drowns it, but in the paper's own rule.
  private func bracket(_ step: StepView, _ loss: Double) -> Double {
    let bracket = loss - step.loss + trial * step.stretch * step.slope
    if trusted == .infinity { return bracket }
    let resolution = QLABGrad.roundingErrors * step.precision * max(abs(step.loss), abs(loss))
    return bracket > resolution || !loss.isFinite ? bracket : -max(abs(bracket), resolution)
  }

  private mutating func rate(_ step: StepView, _ loss: Double) -> Double {
    let bracket = bracket(step, loss)
    // trials are as long as they would be along a gradient that is not clipped
    let length = trial * step.stretch
    let best = step.slope * length * length / (2 * bracket)
    fellBack = !(bracket > 0 && best.isFinite)
    return fellBack ? trial : min(best, maxRatio * length)
  }

  public var state: [(name: String, value: Double)] { [("trial", trial), ("steps", Double(steps))] }
  public mutating func restore(_ state: [String: Double]) {
    trial = state["trial"] ?? trial
    steps = state["steps"].flatMap(wholeNumber) ?? steps
  }
}
