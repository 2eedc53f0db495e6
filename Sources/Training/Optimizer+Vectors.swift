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
      guard slot.steps > 0, let direction = slot.direction else { continue }
      let decay = hyper(slot).decay
      let sums = previousSums(
        slot.scalar, gradient: slot.tensor.grad!.pointer, direction: direction.pointer,
        parameter: decay == 0 ? nil : UnsafeRawPointer(slot.tensor.pointer),
        gradientBefore: slot.previousGradient.map { UnsafeRawPointer($0.pointer) }, slot.tensor.count)
      let index = machineIndex(slot)
      var p = views[index].previous ?? StepView.Previous()
      p.decayedDirectionDot += sums.gradientDirection + decay * sums.parameterDirection
      p.decayedGradientNorm2 +=
        sums.gradient2 + 2 * decay * sums.gradientParameter + decay * decay * sums.parameter2
      p.directionNorm2 += sums.direction2
      p.changeDot += sums.changeDirection
      p.changeNorm2 += sums.change2
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
      let sums = travelSums(
        slot.scalar, gradient: slot.tensor.grad!.pointer, parameter: slot.tensor.pointer,
        start: slot.start!.pointer, slot.tensor.count)
      let index = machineIndex(slot)
      views[index].travelled2 += sums.travelled2
      views[index].startDot += sums.startDot
      views[index].start2 += sums.start2
    }
  }

  /// Averages the gradients of an epoch, and compares with the epoch before where one ends.
  func followEpoch(_ active: [ParameterSlot], _ views: inout [StepView]) {
    let length = max(1, Int(views[0].stepsPerEpoch))
    for slot in active {
      let g = slot.tensor.grad!.pointer
      if slot.epoch == nil { slot.epoch = EpochVectors(slot.tensor) }
      let epoch = slot.epoch!
      if stepCount > 0, stepCount % length == 0 {
        if let (s2, sy) = epoch.close(slot.tensor) {
          let index = machineIndex(slot)
          let sum = views[index].epoch ?? (0, 0)
          views[index].epoch = (sum.displacement2 + s2, sum.displacementChange + sy)
        }
      }
      let weight = min(1, 10 / Double(length))
      interpolate(
        slot.scalar, epoch.average.pointer, g, weight, epoch.average.pointer, slot.tensor.count)
    }
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
