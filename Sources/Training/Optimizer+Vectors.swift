import Adaptation
import Autodiff
import Kernels

/// What the machines may know of past steps: inner products with vectors that the optimizer keeps for them.
extension Optimizer {
  /// Clips the gradients in place, as PyTorch's clip_grad_norm_ and clip_grad_value_ do.
  func clipGradients(_ active: [ParameterSlot], norm: Double) {
    let factor = min(1, clipNorm / (norm + 1e-6))
    for slot in active {
      clip(slot.scalar, slot.tensor.grad!.pointer, slot.tensor.count, scale: factor, limit: clipValue)
    }
  }

  /// Inner products with the gradient and the direction of the step before, which is about to be overwritten.
  func comparePrevious(_ active: [ParameterSlot], _ views: inout [StepView]) {
    for slot in active {
      guard slot.steps > 0, let direction = slot.direction, let before = slot.previousGradient else {
        continue
      }
      let (g, theta, n) = (slot.tensor.grad!.pointer, slot.tensor.pointer, slot.tensor.count)
      func dot(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer) -> Double { innerProduct(slot.scalar, a, b, n) }
      let decay = hyper(slot).decay
      let index = machineIndex(slot)
      var p = views[index].previous ?? StepView.Previous()
      p.decayedDirectionDot += dot(g, direction.pointer)
      p.decayedGradientNorm2 += dot(g, g)
      if decay != 0 {
        p.decayedDirectionDot += decay * dot(theta, direction.pointer)
        let cross = 2 * decay * dot(g, theta)
        p.decayedGradientNorm2 += cross + decay * decay * dot(theta, theta)
      }
      p.directionNorm2 += dot(direction.pointer, direction.pointer)
      // The change itself, not the difference of inner products, which cancels near a minimum.
      addScaled(slot.scalar, g, before.pointer, -1, before.pointer, n)
      p.changeDot += dot(before.pointer, direction.pointer)
      p.changeNorm2 += dot(before.pointer, before.pointer)
      p.rate = slot.rate
      views[index].previous = p
    }
  }

  func keepGradients(_ active: [ParameterSlot]) {
    for slot in active {
      if slot.previousGradient == nil { slot.previousGradient = Storage(byteCount: slot.tensor.byteCount) }
      slot.previousGradient!.copyContents(from: slot.tensor.grad!.storage)
    }
  }

  /// How far the parameters have come from where they began.
  func measureTravel(_ active: [ParameterSlot], _ views: inout [StepView]) {
    for slot in active {
      if slot.start == nil { slot.start = slot.tensor.storage.copy() }
      let (start, theta, n) = (slot.start!, slot.tensor.pointer, slot.tensor.count)
      let way = Storage(byteCount: slot.tensor.byteCount)
      addScaled(slot.scalar, start.pointer, theta, -1, way.pointer, n)
      let index = machineIndex(slot)
      views[index].travelled2 += innerProduct(slot.scalar, way.pointer, way.pointer, n)
      views[index].startDot += innerProduct(slot.scalar, slot.tensor.grad!.pointer, way.pointer, n)
      views[index].start2 += innerProduct(slot.scalar, start.pointer, start.pointer, n)
    }
  }

  /// Steps per window: a number of steps, or a fraction of an epoch.
  func windowLength() throws -> Int {
    if window.steps >= 1 { return Int(window.steps) }
    guard stepsPerEpoch >= 1 else {
      throw Failure.value(
        "\(machineType.card.title): window=\(window.fraction) is a fraction of an epoch of unknown length; pass "
          + "steps_per_epoch, an integer window in steps, or use fit")
    }
    return max(1, Int(window.fraction * stepsPerEpoch))
  }

  /// Gives the machines the inner products of the window that ends here, if one does.
  func closeWindows(_ active: [ParameterSlot], _ views: inout [StepView], _ length: Int) {
    for slot in active {
      if slot.window == nil { slot.window = WindowVectors() }
      let vectors = slot.window!
      let now: Storage
      if length == 1 {
        now = slot.tensor.grad!.storage
      } else {
        guard stepCount % length == 0 else { continue }
        defer { vectors.start = slot.tensor.storage.copy() }
        guard let start = vectors.start, slot.rate != 0 else { continue }
        addScaled(slot.scalar, start.pointer, slot.tensor.pointer, -1, start.pointer, slot.tensor.count)
        scale(slot.scalar, start.pointer, 1 / slot.rate, start.pointer, slot.tensor.count, false)
        now = start
      }
      let (dot, norm2) = vectors.roll(slot.scalar, gradient: now, count: slot.tensor.count)
      let index = machineIndex(slot)
      var window = views[index].window ?? StepView.Window(previousDot: 0, norm2: 0)
      window.previousDot += dot
      window.norm2 += norm2
      views[index].window = window
    }
  }
}
