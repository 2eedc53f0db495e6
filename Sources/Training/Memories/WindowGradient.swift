import Adaptation
import Kernels

/// The gradients accumulated over the window at hand and over the one before: the way that the parameter has gone, over
/// the rate. A window of one step takes the gradient itself.
final class WindowGradient: StepMemory {
  let names = ["window_start", "window_gradient"]
  /// Where the window began; nil for windows of one step.
  private var start: Storage?
  /// Of the window before.
  private var gradient: Storage?
  private var rooms: [Storage] = []

  func vectors(of slot: ParameterSlot) -> [(name: String, storage: Storage)] { named(start, gradient) }

  func restore(_ slot: ParameterSlot, _ saved: (String) -> Storage?) {
    start = saved(names[0])
    gradient = saved(names[1])
  }

  func allocate(_ slot: ParameterSlot, _ moment: StepMoment) throws {
    guard moment.step % moment.window == 0 else { return }
    let wanted = (gradient == nil ? 1 : 0) + (moment.window > 1 && start == nil ? 1 : 0)
    while rooms.count < wanted { rooms.append(try Storage(byteCount: slot.tensor.byteCount)) }
  }

  /// Gives the machine the inner products of the window that ends here, if one does.
  func look(at slot: ParameterSlot, _ moment: StepMoment, _ view: inout StepView) {
    guard moment.step % moment.window == 0 else { return }
    let now: Storage
    if moment.window == 1 {
      now = slot.tensor.grad!.storage
    } else {
      if start == nil || slot.rate == 0 { return begin(slot) }
      let start = start!
      addScaled(slot.scalar, start.pointer, slot.tensor.pointer, -1, start.pointer, slot.tensor.count)
      scale(slot.scalar, start.pointer, 1 / slot.rate, start.pointer, slot.tensor.count, false)
      now = start
    }
    let (dot, norm2) = roll(slot.scalar, gradient: now, count: slot.tensor.count)
    var window = view.window ?? StepView.Window(previousDot: 0, norm2: 0)
    window.previousDot += dot
    window.norm2 += norm2
    view.window = window
    // what was rolled lay there
    if moment.window > 1 { begin(slot) }
  }

  private func begin(_ slot: ParameterSlot) {
    if start == nil { start = rooms.removeLast() }
    start!.copyContents(from: slot.tensor.storage)
  }

  /// <g, g before> and |g|^2 for the gradient at hand, which is kept.
  func roll(_ scalar: any Scalar.Type, gradient now: Storage, count: Int) -> (dot: Double, norm2: Double) {
    let dot = gradient.map { innerProduct(scalar, $0.pointer, now.pointer, count) } ?? 0
    if gradient == nil { gradient = rooms.removeLast() }
    gradient!.copyContents(from: now)
    return (dot, innerProduct(scalar, now.pointer, now.pointer, count))
  }
}
