import Adaptation
import Kernels

/// Where the parameter began.
final class StartPoint: StepMemory {
  let names = ["start"]
  private var start: Storage?
  private var room: Storage?

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(start) }
  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) { start = saved(names[0]) }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    if start == nil, room == nil { room = try Storage(byteCount: slot.tensor.byteCount) }
  }

  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {
    if start == nil {
      start = room
      start!.copyContents(from: slot.tensor.storage)
    }
    let sums = travelSums(
      slot.scalar, gradient: slot.tensor.grad!.pointer, parameter: slot.tensor.pointer,
      start: start!.pointer, slot.tensor.count)
    view.travelled2 += sums.travelled2
    view.startDot += sums.startDot
    view.start2 += sums.start2
  }
}
