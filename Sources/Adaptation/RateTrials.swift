import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Finds a constant rate by short training runs, trials, that all begin at the same parameters and see the same batches.
///
/// Why not by derivatives: the rate at which a step, or a dozen, lowers the loss most is not the one that trains best.
/// Where training is young it is higher (progress is all), and where training has gone on for some time it is lower
/// by 10 to 100 (the loss falls fastest where the noise of the steps before is averaged away). The derivative of the
/// loss after h steps changes sign where that loss is least, so it inherits the bias, and its noise comes on top.
///
/// 1. Reference: losses of the last batches of a trial where the parameters are, for their mean and deviation.
/// 2. Ramp: the rate grows by 10^(1/4) a step until the loss explodes. That bounds the rate from above.
/// 3. Trials at rates half a decade apart, around a tenth of that, until the least loss lies between two others. In
///    each the rate falls in a line to 0, which takes the noise of the last steps out of what is compared.
/// 4. A trial of a few dozen steps has the same bias, if less of it. Of what says nothing, it is best to take a part: the
///    rate is a mean, in the logarithm, of the trials' and a usual one (`usual`). The weights were fitted to grids
///    (docs/find-lr.md).
public struct RateTrials {
  /// Batches of a trial, and those at its end that are compared.
  public static let length = 32
  static let tail = 8
  /// Batches evaluated in all, at most.
  public static let budget = 200
  /// Neighbouring rates of trials, and of the ramp, are these powers of ten apart.
  static let spacing = 0.5, slope = 0.25
  /// A ramp shorter than this began too high; it begins anew lower by that power of ten.
  static let shortestRamp = 12, retreat = 4.0
  /// A loss that does not explode over so many steps, 16 decades, does so at no rate.
  static let longestRamp = 64
  /// No trial is made at more spacings below the ramp's end, or above it.
  static let lowestRung = 12, highestRung = -2
  /// What the trials' rate weighs beside the usual one, along gradients and along directions of a size of their own.
  static let weightOfGradient = 0.6, weightOfUnit = 0.4
  /// The usual rate along gradients of a loss of 1, and along directions whose entries are near 1.
  static let usualOfGradient = 0.015, usualOfUnit = 0.0042
  /// It is for batches of so many rows, and grows by this power of their number, as noise gets less.
  public static let usualRows = 64.0
  static let powerOfRows = 0.75
  /// Of the trials' rate, where no usual one is known: it is too high by so much in the mean.
  static let share = 0.5

  private enum Phase { case reference, ramp, trial, done }
  private var phase = Phase.reference
  /// Of this phase's run.
  private var losses: [Double] = []
  private var used = 0
  private var reference: [Double] = []
  private var mean = 0.0, deviation = 0.0
  private var rampStart: Double
  /// Where the ramp exploded.
  private var top = 0.0
  /// The trial's rate is `top` lowered by this many spacings.
  private var rung = 2
  private var outcomes: [Int: Outcome] = [:]
  private var shape = Shape.unknown
  private let rows: Double

  /// What the direction is at the first batch.
  private enum Shape {
    case unknown
    /// So many times the gradient, so that what it moves by follows the loss's scale.
    case gradient(factor: Double)
    /// Its entries are of a size that the gradient's have no part in: Adam's, for one.
    case unit(size: Double)
  }

  private struct Outcome {
    /// Mean loss of the tail.
    var score: Double
    /// What the tail's losses lie below the reference; none where the trial exploded.
    var gains: [Double]
  }

  /// The rate found; before the end, and where no trial told anything, the start.
  public private(set) var found: Double
  /// Whether the least loss was bracketed within the budget and lies below the reference by more than chance.
  public private(set) var isReliable = false

  /// rows: of a batch.
  public init(start: Double, rows: Double = usualRows) {
    (rampStart, found) = (start, start)
    self.rows = rows
  }

  public var isDone: Bool { phase == .done }

  /// Takes note of the first direction d and the gradient g there: |g|^2, <g, d>, |d|^2, and of how many entries.
  public mutating func see(gradient2: Double, slope: Double, direction2: Double, entries: Double) {
    guard gradient2 > 0, direction2 > 0, entries > 0, (gradient2 + direction2).isFinite else { return }
    let isGradient = slope > 0 && slope * slope > 0.98 * gradient2 * direction2
    shape =
      isGradient
      ? .gradient(factor: (direction2 / gradient2).squareRoot())
      : .unit(size: (direction2 / entries).squareRoot())
  }

  /// Which of the trial's batches comes next.
  public var position: Int {
    (phase == .reference ? Self.length - Self.tail : 0) + losses.count % Self.length
  }

  /// The rate of the step that follows the next loss.
  public var value: Double {
    switch phase {
    case .reference: return 0
    case .ramp: return rampStart * pow(10, Self.slope * Double(losses.count))
    case .trial: return rate(Double(rung)) * (1 - Double(losses.count) / Double(Self.length))
    case .done: return found
    }
  }

  private func rate(_ rung: Double) -> Double { top * pow(10, -Self.spacing * rung) }

  /// Takes the loss of a batch, infinite where something was not finite; true where the next begins a run: at the
  /// parameters that were given, with the first batch.
  public mutating func observe(loss: Double) -> Bool {
    used += 1
    losses.append(loss.isFinite ? loss : .infinity)
    switch phase {
    case .reference: refer()
    case .ramp: climb()
    case .trial: compare()
    case .done: break
    }
    if used >= Self.budget && phase != .done { conclude(isWhole: false) }
    return losses.isEmpty
  }

  private mutating func refer() {
    guard losses.count == Self.tail else { return }
    (reference, losses) = (losses, [])
    mean = reference.reduce(0, +) / Double(Self.tail)
    let squares = reference.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    deviation = (squares / Double(Self.tail - 1)).squareRoot()
    phase = mean.isFinite ? .ramp : .done
  }

  /// Whether the mean of the last losses, `count` of them, lies above the reference by `share` of itself and by more
  /// than batches differ.
  private func hasExploded(_ count: Int, share: Double) -> Bool {
    if !losses.last!.isFinite { return true }
    guard losses.count >= count else { return false }
    let last = losses.suffix(count).reduce(0, +) / Double(count)
    return last > mean + share * max(abs(mean), 10 * deviation)
  }

  private mutating func climb() {
    guard hasExploded(3, share: 0.3) else {
      if losses.count == Self.longestRamp { conclude(isWhole: false) }
      return
    }
    let (steps, reached) = (losses.count, rampStart * pow(10, Self.slope * Double(losses.count - 1)))
    losses = []
    if steps <= Self.shortestRamp {
      rampStart *= pow(10, -Self.retreat)
    } else {
      (top, phase) = (reached, .trial)
    }
  }

  private mutating func compare() {
    let exploded = hasExploded(4, share: 1)
    guard exploded || losses.count == Self.length else { return }
    let tail = losses.suffix(Self.tail)
    outcomes[rung] =
      exploded
      ? Outcome(score: mean + 3 * max(abs(mean), 10 * deviation), gains: [])
      : Outcome(score: tail.reduce(0, +) / Double(Self.tail), gains: zip(reference, tail).map(-))
    losses = []
    guard let next = next() else { return conclude(isWhole: true) }
    if used + Self.length > Self.budget { return conclude(isWhole: false) }
    rung = next
  }

  /// The rung with the least loss; the lowest rate of those.
  private var best: Int { outcomes.keys.sorted(by: >).min { outcomes[$0]!.score < outcomes[$1]!.score }! }

  /// The rung to try next; nil where no other is needed.
  private func next() -> Int? {
    let (highest, lowest) = (outcomes.keys.min()!, outcomes.keys.max()!)
    if outcomes[best]!.score >= mean || best == lowest { return lowest < Self.lowestRung ? lowest + 1 : nil }
    if best == highest { return highest > Self.highestRung ? highest - 1 : nil }
    return nil
  }

  private mutating func conclude(isWhole: Bool) {
    phase = .done
    losses = []
    guard !outcomes.isEmpty else {
      // no trial has been made: a usual rate is a better guess than where the search began
      found = usual ?? found
      return
    }
    let gains = outcomes[best]!.gains
    let gain = mean - outcomes[best]!.score
    guard gain > 0 else {
      found = rate(Double(outcomes.keys.max()!))
      return
    }
    found = mixed(rate(bottom))
    let squares = gains.reduce(0) { $0 + ($1 - gain) * ($1 - gain) }
    let error = (squares / Double((Self.tail - 1) * Self.tail)).squareRoot()
    isReliable = isWhole && gain > 2 * error
  }

  /// The lowest point of the parabola through the best rung and its neighbours, no more than half a rung away.
  private var bottom: Double {
    guard let above = outcomes[best - 1]?.score, let below = outcomes[best + 1]?.score else {
      return Double(best)
    }
    let least = outcomes[best]!.score
    // an explosion says little about where it began: the loss before training is enough
    let (up, down) = (min(above, 2 * mean - least), min(below, 2 * mean - least))
    let bend = up + down - 2 * least
    return bend > 0 ? Double(best) + min(0.5, max(-0.5, 0.5 * (up - down) / bend)) : Double(best)
  }

  /// Along this direction; nil where it is not known, or the loss has no scale.
  private var usual: Double? {
    switch shape {
    case .gradient(let factor) where mean > 0:
      return Self.usualOfGradient * pow(rows / Self.usualRows, Self.powerOfRows) / (mean * factor)
    case .unit(let size): return Self.usualOfUnit / size
    case .gradient, .unknown: return nil
    }
  }

  private func mixed(_ rate: Double) -> Double {
    guard let usual else { return Self.share * rate }
    if case .unit = shape { return Self.weighed(rate, Self.weightOfUnit, usual) }
    return Self.weighed(rate, Self.weightOfGradient, usual)
  }

  private static func weighed(_ rate: Double, _ weight: Double, _ usual: Double) -> Double {
    pow(rate, weight) * pow(usual, 1 - weight)
  }
}
