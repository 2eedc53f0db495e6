import Adaptation
import Kernels

/// The step before: its direction, which stays in the slot until the next is found, and for some rates its gradient.
final class PreviousStep: StepMemory {
  let names = ["previous_direction", "previous_gradient"]
  private let keepsGradient: Bool
  private var gradient: Storage?
  private var room: Storage?

  init(keepsGradient: Bool) { self.keepsGradient = keepsGradient }

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] {
    named(slot.direction, gradient)
  }

  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) {
    slot.direction = saved(names[0])
    gradient = saved(names[1])
  }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    if keepsGradient, gradient == nil, room == nil { room = try Storage(byteCount: slot.tensor.byteCount) }
  }

  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {
    guard slot.steps > 0, let direction = slot.direction else { return }
    let decay = moment.decay
    let sums = previousSums(
      slot.scalar, gradient: slot.lossGradient.pointer, direction: direction.pointer,
      parameter: decay == 0 ? nil : UnsafeRawPointer(slot.tensor.pointer),
      gradientBefore: gradient.map { UnsafeRawPointer($0.pointer) }, slot.tensor.count)
    var p = view.previous ?? StepView.Previous()
    p.decayedDirectionDot += sums.gradientDirection + decay * sums.parameterDirection
    p.decayedGradientNorm2 +=
      sums.gradient2 + 2 * decay * sums.gradientParameter + decay * decay * sums.parameter2
    p.directionNorm2 += sums.direction2
    p.changeDot += sums.changeDirection
    p.changeNorm2 += sums.change2
    p.rate = slot.rate
    view.previous = p
  }

  func keep(_ slot: ParameterSlot) {
    guard keepsGradient else { return }
    if gradient == nil { gradient = room }
    gradient!.copyContents(from: slot.lossGradient)
  }
}
