import Autodiff
import Kernels
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
struct LossReference {
  static let length = 25
  private static let floor = 0.01

  /// The last losses, the newest at the end.
  private(set) var losses: [Double] = []
  /// NaN until the first `length` losses are known.
  private(set) var start = Double.nan

  init() {}
  init(losses: [Double], start: Double) { (self.losses, self.start) = (losses, start) }

  mutating func add(_ loss: Double) {
    if losses.count == Self.length { losses.removeFirst() }
    losses.append(loss)
    if start.isNaN, losses.count == Self.length { start = size(around: middle) }
  }

  /// A new level: what came before is no measure of it.
  mutating func restart(at loss: Double) { (losses, start) = ([loss], .nan) }

  /// Infinite while nothing is known, or every loss was 0.
  func limit(_ explode: Double) -> Double {
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

/// Watches over the steps of an optimizer, and keeps what undoes the last one.
///
/// Memory: a copy of the parameters and of every vector that direction and rate keep, written once in `every` steps. Nothing is
/// kept, and nothing computed, where there is no guard.
struct Guard {
  /// Taken before a step, when its loss was good.
  struct Snapshot {
    let step: Int
    let parameters: [Storage]
    let buffers: [Storage]
    let state: [String: Tensor]
  }

  /// A step that went wrong is tried again at half the rate. A good step takes a hundredth off the scale's logarithm: a
  /// rate that is too high by itself is undone once in a hundred steps, and one sharp spike does not cripple the rest.
  private static let shrink = 0.5
  private static let memory = 0.99

  /// Never off.
  let mode: GuardMode
  let explode: Double
  /// What the model updates beside its parameters (running statistics), to be put back with them.
  var buffers: [Tensor]
  var reference = LossReference()
  /// Multiplies every rate.
  var scale = 1.0
  var rollbacks = 0
  /// Rollbacks since the last step that turned out well.
  var inARow = 0
  var snapshot: Snapshot?
  /// Steps after which a snapshot is renewed; more are cheaper, and undo more.
  var every = 1
  /// Whether a step was taken since the last good loss.
  var moved = false
  /// Whether a bad loss is the fault of a step that can be undone.
  var canUndo: Bool { moved && snapshot != nil }

  init(_ mode: GuardMode, explode: Double, buffers: [Tensor] = []) throws {
    guard explode > 1 else { throw Failure.value("guard: explode must be above 1, got \(explode)") }
    (self.mode, self.explode, self.buffers) = (mode, explode, buffers)
  }

  /// The step before has turned out well.
  mutating func succeed() {
    inARow = 0
    scale = power(scale, Self.memory)
    if scale > 0.999 { scale = 1 }
  }

  mutating func fail() {
    rollbacks += 1
    inARow += 1
    scale *= Self.shrink
  }

  /// What could be undone is no longer what there is.
  mutating func forget() { snapshot = nil }

  // MARK: - For saving

  /// All but the snapshot: mode, explode, scale, rollbacks, in a row, moved, start, and the losses.
  var numbers: [Double] {
    [
      Double(mode.rawValue), explode, scale, Double(rollbacks), Double(inARow), moved ? 1 : 0,
      reference.start,
    ] + reference.losses
  }

  init(numbers: [Double], buffers: [Tensor]) throws {
    let counts = numbers.prefix(6).suffix(3)
    guard (7...(7 + LossReference.length)).contains(numbers.count),
      let mode = wholeNumber(numbers[0]).flatMap(GuardMode.init), mode != .off, numbers[2] > 0,
      numbers[2] <= 1,
      counts.allSatisfy({ (wholeNumber($0) ?? -1) >= 0 }), numbers.dropFirst(7).allSatisfy(\.isFinite)
    else { throw Failure.value("load_state_dict: 'guard' is not what a guard has saved") }
    try self.init(mode, explode: numbers[1], buffers: buffers)
    scale = numbers[2]
    rollbacks = wholeNumber(numbers[3])!
    inARow = wholeNumber(numbers[4])!
    moved = numbers[5] != 0
    reference = LossReference(losses: Array(numbers.dropFirst(7)), start: numbers[6])
  }
}
