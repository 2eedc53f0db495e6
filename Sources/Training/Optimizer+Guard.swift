import Adaptation
import Autodiff
import Kernels
import Vocabulary

/// Safe steps: a loss is judged before the next step is made of it, and a step that led to a bad one is undone.
extension Optimizer {
  /// Numbers that a guard has gathered are kept when its settings change, until it is off.
  public func setGuard(_ mode: GuardMode, explode: Double, buffers: [Tensor]) throws {
    guard pending == nil else { throw Failure.value("guard: a step is in progress") }
    guard mode != .off else {
      safeguard = nil
      return
    }
    let policy = try GuardPolicy(mode, explode: explode, after: safeguard?.policy)
    safeguard = Guard(policy, buffers: buffers)
  }

  /// What a guard makes of the loss that a step would begin with; nil where the step may begin.
  func judge(loss: Double, finite: Bool) throws -> Request? {
    guard let watch = safeguard else { return nil }
    var policy = watch.policy
    let verdict = policy.judge(
      loss: loss, finite: finite, step: stepCount, copied: watch.snapshot?.step, skipped: consecutiveSkips)
    switch verdict {
    case .go: break
    case .keep: try keepSnapshot()
    case .skip:
      if let snapshot = watch.snapshot { restoreBuffers(snapshot) }
      return try skip(loss)
    case .undo:
      guard finite else {
        let request = try undo(loss, "the loss or its gradient was not finite twice in a row")
        skippedSteps += 1
        return request
      }
      return try undo(loss, "the loss, \(describe(loss)), has exploded: the guard's limit is \(policy.limit)")
    }
    safeguard!.policy = policy
    return nil
  }

  /// What a guard makes of the parameters after a step; nil where it may stand.
  func judgeParameters(_ active: [ParameterSlot], loss: Double) throws -> Request? {
    guard safeguard != nil, !isSearching else { return nil }
    safeguard!.policy.moved = true
    let finite = active.allSatisfy { slot in
      innerProduct(slot.scalar, slot.tensor.pointer, slot.tensor.pointer, slot.tensor.count).isFinite
    }
    if finite { return nil }
    // this step has not returned yet, so it must leave no trace where it raises
    if safeguard!.policy.mode == .detect { try putBack() }
    return try undo(loss, "the step has made parameters that are not finite")
  }

  /// Factor of all rates.
  var rateScale: Double { safeguard?.policy.scale ?? 1 }

  /// Without memory for it there is none, and what it would undo has begun.
  private func keepSnapshot() throws {
    // the old one first, so that its memory serves the new one
    safeguard!.snapshot = nil
    safeguard!.snapshot = Guard.Snapshot(
      step: stepCount,
      parameters: try slots.map { try $0.tensor.storage.copy() },
      buffers: try safeguard!.buffers.map { try $0.storage.copy() },
      state: Dictionary(uniqueKeysWithValues: try trainingState.map { ($0.name, $0.value) }))
  }

  private func undo(_ loss: Double, _ reason: String) throws -> Request {
    guard safeguard!.policy.mode == .rollBack else {
      throw Failure.diverged(
        "\(reason). Nothing was changed; lower the rate, or use guard(rollback=True)", step: stepCount)
    }
    let limit = safeguard!.policy.limit
    try putBack()
    safeguard!.policy.fail()
    recorder?.add(
      FlightRecorder.row(
        step: stepCount, machine: 0, StepView(loss: loss), probes: 0, rate: nil, outcome: .undone,
        limit: limit, scale: rateScale))
    if safeguard!.policy.inARow >= maxSkipped {
      throw Failure.diverged(
        "\(reason), and \(safeguard!.policy.inARow) steps in a row were undone; the parameters are those of the last good "
          + "step. Check the data, or lower the rate", step: stepCount)
    }
    var request = report(slots)
    request.skipped = true
    return request
  }

  private func putBack() throws {
    guard let snapshot = safeguard!.snapshot else { return }
    let copies = try copies(of: snapshot.state)
    for (slot, kept) in zip(slots, snapshot.parameters) {
      slot.tensor.storage.copyContents(from: kept)
      slot.tensor.storage.version &+= 1
    }
    restoreBuffers(snapshot)
    let skipped = skippedSteps
    put(snapshot.state, copies)
    skippedSteps = skipped
    safeguard!.policy.moved = false
  }

  private func restoreBuffers(_ snapshot: Guard.Snapshot) {
    for (buffer, kept) in zip(safeguard!.buffers, snapshot.buffers) {
      buffer.storage.copyContents(from: kept)
    }
  }
}
