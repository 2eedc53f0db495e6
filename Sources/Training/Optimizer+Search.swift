import Adaptation
import Vocabulary

/// A rate that is searched for in the first steps of a run.
extension Optimizer {
  var search: (any SearchingMachine)? { searches ? machines.first as? any SearchingMachine : nil }
  /// Whether the next step is one of a search: nobody else judges it, and running statistics stay as they are.
  public var isSearching: Bool { searches && search?.isSearching ?? false }

  /// A run of so many steps begins; rates that do not ask are not told.
  func beginRun(steps: Double) throws {
    guard Bounds.count.contains(steps) else {
      throw Failure.value("run_steps must be \(Bounds.count), got \(steps)")
    }
    guard pending == nil else { throw Failure.value("run_steps: a step is in progress") }
    guard var machine = search else { return }
    machine.begin(run: Int(steps))
    machines[0] = machine
  }

  /// The run ends in so many steps.
  func finishRun(steps: Double) throws {
    guard Bounds.count.contains(steps) else {
      throw Failure.value("finish: steps must be \(Bounds.count), got \(steps)")
    }
    guard pending == nil else { throw Failure.value("finish: a step is in progress") }
    guard var machine = search else {
      throw Failure.type("finish: \(machineType.card.title) has no plan that could end; allowed: Auto")
    }
    try machine.finish(in: Int(steps))
    machines[0] = machine
  }

  /// The end of a search: everything is as it was before it, but for what the machine knows. Counts as a step.
  func putBack(_ step: PendingStep) throws -> Request {
    record(0, step.views[0], probes: 0, rate: nil)
    returnToStart()
    pending = nil
    return endOfSearch()
  }

  /// The same where the loss is not finite, so that there was nothing to decide by.
  func giveUpSearch(_ loss: Double) throws -> Request {
    guard var machine = search else { throw Failure.value("there is no search") }
    recorder?.add(
      FlightRecorder.row(
        step: stepCount, machine: 0, StepView(loss: loss), probes: 0, rate: nil, outcome: .skipped))
    machine.giveUp()
    machines[0] = machine
    returnToStart()
    return endOfSearch()
  }

  private func returnToStart() {
    for slot in slots { slot.memory(SearchStart.self)?.putBack(slot) }
  }

  private func endOfSearch() -> Request {
    stepCount += 1
    consecutiveSkips = 0
    return report(slots)
  }
}
