import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// Feeds ALRS with the derivatives of batches, and the displacements that they are taken at.
///
/// Each batch: gradients at theta + A, where A is the update that the optimizer would have made on the batch before (or
/// the sum of those of a window, or of a trial); what <gradient, A> or the loss says is for `ALRSMachine` to decide. The parameters never move.
public final class Finder: @unchecked Sendable {
  private let optimizer: Optimizer
  public private(set) var machine: ALRSMachine
  private let origins: [Storage]
  private let updates: [Storage]
  private var hasSeen = false

  public init(_ optimizer: Optimizer, _ search: SBFSearch, _ arguments: Attributes) throws {
    self.optimizer = optimizer
    machine = try ALRSMachine(search, arguments)
    if optimizer.machineType is any WholeMachine.Type {
      throw Failure.type(
        "find_lr: optimizer: \(optimizer.machineType.card.title) is a whole method, with no direction to find a rate for"
      )
    }
    guard !optimizer.slots.isEmpty else { throw Failure.value("find_lr: the optimizer has no parameters") }
    origins = try optimizer.slots.map { try $0.tensor.storage.copy() }
    updates = try optimizer.slots.map { try Storage(zeroed: $0.tensor.byteCount) }
  }

  public var search: SBFSearch { machine.search }
  /// What became of the search since, where others say its values.
  public func take(_ search: SBFSearch) {
    machine.search = search
    if machine.trials == nil, machine.restartsWhereMoved() { startAnew() }
  }
  /// The rate that the next update is made with.
  public var value: Double { machine.value }
  public var isDone: Bool { machine.isDone }

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
    try machine.checkOpen()
    var derivative = 0.0
    for (slot, update) in zip(optimizer.slots, updates) {
      guard let grad = slot.tensor.grad else { continue }
      derivative += innerProduct(slot.scalar, grad.pointer, update.pointer, slot.tensor.count)
    }
    let finite = try loss.isFinite && derivative.isFinite && updateDirections()
    let verdict = try machine.observe(finite ? derivative : .infinity, loss: loss)
    if verdict.startsAnew { startAnew() }
    return verdict.derivative
  }

  /// A = -value d for the gradients at hand; false where that is not finite.
  private func updateDirections() throws -> Bool {
    let rate = value
    let active = optimizer.slots.filter { $0.tensor.grad != nil }
    _ = findDirections(
      try active.map { try $0.prepare(optimizer.hyper($0), revocable: false) },
      into: active.map(\.directionPointer))
    if !hasSeen { look(at: active) }
    for (slot, update) in zip(optimizer.slots, updates) where slot.tensor.grad != nil {
      slot.steps += 1
      scale(slot.scalar, slot.directionPointer, -rate, update.pointer, slot.tensor.count, machine.accumulates)
      let norm2 = innerProduct(slot.scalar, update.pointer, update.pointer, slot.tensor.count)
      if !norm2.isFinite { return false }
    }
    return true
  }

  private func look(at active: [ParameterSlot]) {
    hasSeen = true
    var (gradient2, slope, direction2, entries) = (0.0, 0.0, 0.0, 0.0)
    for slot in active {
      let (g, d, count) = (slot.tensor.grad!.pointer, slot.directionPointer, slot.tensor.count)
      gradient2 += innerProduct(slot.scalar, g, g, count)
      slope += innerProduct(slot.scalar, g, d, count)
      direction2 += innerProduct(slot.scalar, d, d, count)
      entries += Double(count)
    }
    machine.see(gradient2: gradient2, slope: slope, direction2: direction2, entries: entries)
  }

  private func startAnew() {
    for update in updates { update.zero() }
    for slot in optimizer.slots { slot.resetState() }
  }

  /// Batches of a recorded program, until the search is done or a trial ends: the next begins with the first batch.
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
      try program.backward()
      gradients[i] = try observe(loss: loss)
      return !isDone && machine.trials?.position != 0
    }
  }
}
