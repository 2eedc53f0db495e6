import Adaptation
import Kernels
import Vocabulary

/// An average of the gradient of the loss beside the direction's own, for rates whose estimate of the gradient is another
/// than the direction's. Bias-corrected by the steps that the parameter has taken.
final class GradientAverage: StepMemory {
  let names = ["gradient_average"]
  /// memory: what it keeps of itself at a step.
  struct Kind {
    var memory = 0.0
    var includesDecay = false
  }
  private let memory: Double
  private let includesDecay: Bool
  private var average: Storage?
  private var room: Storage?

  init(_ kind: Kind) { (memory, includesDecay) = (kind.memory, kind.includesDecay) }

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(average) }
  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) { average = saved(names[0]) }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    if average == nil, room == nil { room = try Storage(byteCount: slot.tensor.byteCount) }
  }

  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {
    if average == nil {
      (average, room) = (room, nil)
      average!.zero()
    }
    let (scalar, pointer, count) = (slot.scalar, average!.pointer, slot.tensor.count)
    interpolate(scalar, pointer, slot.lossGradient.pointer, 1 - memory, pointer, count)
    if includesDecay, moment.decay != 0 {
      addScaled(scalar, pointer, slot.tensor.pointer, (1 - memory) * moment.decay, pointer, count)
    }
  }

  func see(_ slot: ParameterSlot, _ view: inout StepView) {
    let correction = 1 - power(memory, Double(slot.steps + 1))
    view.averageSlope +=
      innerProduct(slot.scalar, average!.pointer, slot.directionPointer, slot.tensor.count) / correction
  }
}
