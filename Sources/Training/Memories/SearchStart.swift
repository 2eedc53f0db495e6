import Adaptation
import Kernels

/// Where the parameter was when a search began.
final class SearchStart: StepMemory {
  let names = ["search_start"]
  private var start: Storage?
  private var room: Storage?

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(start) }
  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) { start = saved(names[0]) }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    if moment.searches, start == nil, room == nil { room = try Storage(byteCount: slot.tensor.byteCount) }
  }

  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {
    guard moment.searches, start == nil else { return }
    start = room
    room = nil
    start!.copyContents(from: slot.tensor.storage)
  }

  /// The parameter and the state of its direction are what they were; nothing is kept any more.
  func putBack(_ slot: ParameterSlot) {
    guard let start else { return }
    slot.tensor.storage.copyContents(from: start)
    slot.tensor.storage.version &+= 1
    slot.resetState()
    slot.rate = 0
    slot.direction = nil
    self.start = nil
  }
}
