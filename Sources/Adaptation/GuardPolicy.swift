import Vocabulary

/// What the losses of good steps have been like lately, and so which loss is an explosion.
///
/// With m the median of the last losses and s its median absolute deviation, a loss explodes above
///
///     m + (explode - 1) max(|m|, s, start / 100)
///
/// that is, above `explode` times the median where losses are positive. A median, as one loss that was let through must
/// not raise the limit for the next. |m| and s, as losses may be negative or cross 0. `start` is max(|m|, s) of the
/// first losses: near convergence batches differ by large factors that mean nothing, and below some percent of where
/// training began no loss counts as an explosion.
public struct LossReference: Sendable {
  public static let length = 25
  private static let floor = 0.01

  /// The last losses, the newest at the end.
  public private(set) var losses: [Double] = []
  /// NaN until the first `length` losses are known.
  public private(set) var start = Double.nan

  public init() {}
  public init(losses: [Double], start: Double) { (self.losses, self.start) = (losses, start) }

  public mutating func add(_ loss: Double) {
    if losses.count == Self.length { losses.removeFirst() }
    losses.append(loss)
    if start.isNaN, losses.count == Self.length { start = size(around: middle) }
  }

  /// A new level: what came before is no measure of it.
  public mutating func restart(at loss: Double) { (losses, start) = ([loss], .nan) }

  /// Infinite while nothing is known, or every loss was 0.
  public func limit(_ explode: Double) -> Double {
    guard !losses.isEmpty else { return .infinity }
    let middle = middle
    let size = max(size(around: middle), start.isNaN ? 0 : Self.floor * start)
    return size == 0 ? .infinity : middle + (explode - 1) * size
  }

  private var middle: Double { Self.median(losses) }

  private func size(around middle: Double) -> Double {
    max(abs(middle), Self.median(losses.map { abs($0 - middle) }))
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half])
  }
}

public enum GuardMode: Int, CaseIterable, Sendable {
  case off = 0
  case detect = 1
  case rollBack = 2
}

/// Judges the loss that a step begins with, and remembers what came of the steps before.
///
/// Where vectors lie is someone else's matter: whoever takes the steps keeps the copies that undo them.
public struct GuardPolicy: Sendable {
  /// What is to be done before the step of a loss that was judged.
  public enum Judgement: Int, CaseIterable, Sendable {
    /// Take the step.
    case go = 0
    /// Copy what a bad step would change, then take the step.
    case keep = 1
    /// Go back to the copy; the step is not taken.
    case undo = 2
    /// Leave everything as it is; the step is not taken.
    case skip = 3
  }

  /// A step that went wrong is tried again at half the rate. A good step takes a hundredth off the scale's logarithm: a
  /// rate that is too high by itself is undone once in a hundred steps, and one sharp spike does not cripple the rest.
  private static let shrink = 0.5
  private static let memory = 0.99

  /// Never off.
  public let mode: GuardMode
  public let explode: Double
  public var reference = LossReference()
  /// Multiplies every rate.
  public var scale = 1.0
  public private(set) var rollbacks = 0
  /// Rollbacks since the last step that turned out well.
  public private(set) var inARow = 0
  /// Steps after which a copy is renewed; more are cheaper, and undo more.
  public var every = 1
  /// Whether a step was taken since the last good loss.
  public var moved = false

  public init(_ mode: GuardMode, explode: Double) throws {
    guard mode != .off else { throw Failure.value("guard: it is off, so that there is nothing to judge") }
    guard explode > 1 else { throw Failure.value("guard: explode must be above 1, got \(explode)") }
    (self.mode, self.explode) = (mode, explode)
  }

  /// With what one before it has gathered.
  public init(_ mode: GuardMode, explode: Double, after before: GuardPolicy?) throws {
    try self.init(mode, explode: explode)
    guard let before else { return }
    (reference, scale, every) = (before.reference, before.scale, before.every)
    (rollbacks, inARow) = (before.rollbacks, before.inARow)
  }

  /// Above it a loss has exploded.
  public var limit: Double { reference.limit(explode) }

  /// step: of the run. copied: the step of the copy that there is. skipped: steps in a row whose loss was not finite.
  ///
  /// A loss that is not finite may be the batch's fault, so the step is skipped, as it is without a guard; a second in a
  /// row is blamed on the parameters. Parameters that have not moved since a good loss are not to blame: a high loss is
  /// then what the data are like now.
  public mutating func judge(loss: Double, finite: Bool, step: Int, copied: Int?, skipped: Int) -> Judgement {
    let canUndo = moved && copied != nil
    let explodes = loss > limit
    if finite && !(canUndo && explodes) {
      let often = mode == .detect ? 1 : every
      // at the same steps in a run that was resumed, but for its first copy
      let isDue = copied.map { explodes || step % often == 0 || step - $0 >= often } ?? true
      if moved { succeed() }
      if isDue { moved = false }
      if explodes { reference.restart(at: loss) } else { reference.add(loss) }
      return isDue ? .keep : .go
    }
    return finite || (canUndo && skipped > 0) ? .undo : .skip
  }

  /// The step before has turned out well.
  public mutating func succeed() {
    inARow = 0
    scale = power(scale, Self.memory)
    if scale > 0.999 { scale = 1 }
  }

  /// A step was undone.
  public mutating func fail() {
    rollbacks += 1
    inARow += 1
    scale *= Self.shrink
    moved = false
  }

  // MARK: - For saving

  /// Mode, explode, scale, rollbacks, in a row, moved, start, and the losses.
  public var numbers: [Double] {
    [
      Double(mode.rawValue), explode, scale, Double(rollbacks), Double(inARow), moved ? 1 : 0,
      reference.start,
    ] + reference.losses
  }

  public init(numbers: [Double]) throws {
    let counts = numbers.prefix(6).suffix(3)
    guard (7...(7 + LossReference.length)).contains(numbers.count),
      let mode = wholeNumber(numbers[0]).flatMap(GuardMode.init), mode != .off, numbers[2] > 0,
      numbers[2] <= 1,
      counts.allSatisfy({ (wholeNumber($0) ?? -1) >= 0 }), numbers.dropFirst(7).allSatisfy(\.isFinite)
    else { throw Failure.value("load_state_dict: 'guard' is not what a guard has saved") }
    try self.init(mode, explode: numbers[1])
    scale = numbers[2]
    rollbacks = wholeNumber(numbers[3])!
    inARow = wholeNumber(numbers[4])!
    moved = numbers[5] != 0
    reference = LossReference(losses: Array(numbers.dropFirst(7)), start: numbers[6])
  }
}
