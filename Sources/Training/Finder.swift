import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// Finds an initial rate from the sign of the learning-rate gradient (ALRS).
///
/// Each batch: gradients at theta + A, where A is the update that the optimizer would have made on the batch before;
/// the LR gradient is <gradient, A>, negative while a longer step would still have gone down. A window of them makes
/// one signal for the search. The parameters never move.
///
/// Readings (algorithms: the printed loop is ambiguous): by default A is the last update alone, while the optimizer's
/// own state runs on. `accumulate` sums the updates of a window instead and starts anew at every signal. The first
/// derivative is 0 because A is, and is left out unless `countFirstZero`.
///
/// What the optimizer remembers belongs to the rates it was gathered at: overlong steps early in a search from above
/// fill Adam's second moment and would let it end higher than one from below. A and the optimizer's state start anew
/// whenever the value has moved by `restart` since they last did.
public final class Finder: @unchecked Sendable {
  private let optimizer: Optimizer
  public private(set) var search: SBFSearch
  private let window: Int
  private let accumulate: Bool
  private let countFirstZero: Bool
  private var gradients: [Double] = []
  private let origins: [Storage]
  private let updates: [Storage]
  private var hasUpdate = false
  /// Factor by which the value may move before the state starts anew, and the value when it last did.
  private let restart: Double
  private var restartedAt: Double

  public init(_ optimizer: Optimizer, _ search: SBFSearch, _ arguments: Attributes) throws {
    try arguments.allow(["window", "accumulate", "count_first_zero", "restart"])
    self.optimizer = optimizer
    self.search = search
    window = try arguments.integer("window")
    guard window >= 1 else { throw Failure.value("find_lr: window must be at least 1, got \(window)") }
    accumulate = try arguments.flag("accumulate", default: false)
    countFirstZero = try arguments.flag("count_first_zero", default: false)
    restart = try arguments.number("restart", default: 2)
    guard restart > 1 else { throw Failure.value("find_lr: restart must be above 1, got \(restart)") }
    restartedAt = search.value
    if optimizer.machineType is any WholeMachine.Type {
      throw Failure.type(
        "find_lr: optimizer: \(optimizer.machineType.card.title) is a whole method, with no direction to find a rate for"
      )
    }
    guard !optimizer.slots.isEmpty else { throw Failure.value("find_lr: the optimizer has no parameters") }
    origins = optimizer.slots.map { $0.tensor.storage.copy() }
    updates = optimizer.slots.map { Storage(zeroed: $0.tensor.byteCount) }
  }

  /// The rate that the next update is made with.
  public var value: Double { search.value }
  public var isDone: Bool { search.isDone }

  /// theta + A.
  public func displace() {
    for (i, slot) in optimizer.slots.enumerated() {
      let tensor = slot.tensor
      addScaled(slot.scalar, origins[i].pointer, updates[i].pointer, 1, tensor.pointer, tensor.count)
    }
  }

  public func restore() {
    for (slot, origin) in zip(optimizer.slots, origins) { slot.tensor.storage.copyContents(from: origin) }
  }

  /// Takes the loss and the gradients that the parameters hold at the displaced point; returns the LR gradient, NaN
  /// where none is counted.
  public func observe(loss: Double) throws -> Double {
    restore()
    guard !search.isDone else { throw Failure.value("find_lr: the search is done") }
    var derivative = 0.0
    for (slot, update) in zip(optimizer.slots, updates) {
      guard let grad = slot.tensor.grad else { continue }
      derivative += innerProduct(slot.scalar, grad.pointer, update.pointer, slot.tensor.count)
    }
    let counted = hasUpdate || countFirstZero
    let finite = loss.isFinite && derivative.isFinite && updateDirections()
    if !finite { derivative = .infinity }
    if !finite || counted { gradients.append(derivative) }
    if !finite { forget() }
    let result = !finite || counted ? derivative : .nan
    if gradients.count == window { try conclude() }
    return result
  }

  /// A = -value d for the gradients at hand; false where that is not finite.
  private func updateDirections() -> Bool {
    let rate = search.value
    let active = optimizer.slots.filter { $0.tensor.grad != nil }
    _ = findDirections(
      active.map { $0.prepare(optimizer.hyper($0), revocable: false) }, into: active.map(\.directionPointer))
    for (slot, update) in zip(optimizer.slots, updates) where slot.tensor.grad != nil {
      slot.steps += 1
      scale(slot.scalar, slot.directionPointer, -rate, update.pointer, slot.tensor.count, accumulate)
      let norm2 = innerProduct(slot.scalar, update.pointer, update.pointer, slot.tensor.count)
      if !norm2.isFinite { return false }
    }
    hasUpdate = true
    return true
  }

  private func forget() {
    hasUpdate = false
    for update in updates { update.zero() }
    for slot in optimizer.slots { slot.resetState() }
  }

  private func conclude() throws {
    let negative = gradients.filter { $0 < 0 }.count
    let rises = Double(negative) >= 0.9 * Double(window) && gradients.reduce(0, +) < 0
    gradients.removeAll(keepingCapacity: true)
    if accumulate { forget() }
    try search.signal(rises ? 1 : -1)
    let moved = search.value / restartedAt
    if moved >= restart || moved <= 1 / restart {
      forget()
      restartedAt = search.value
    }
  }

  /// Batches of a recorded program, until the search is done.
  public func run(
    _ program: Program, _ batches: Batches, done: inout Int, gradients: UnsafeMutablePointer<Double>,
    values: UnsafeMutablePointer<Double>
  ) throws {
    defer { restore() }
    if isDone { return }
    try batches.run(program, done: &done) { i in
      values[i] = value
      displace()
      let loss = try program.forward()
      program.backward()
      gradients[i] = try observe(loss: loss)
      return !isDone
    }
  }
}
