import Autodiff
import Kernels

/// What a rate that is chosen once per epoch keeps of one parameter.
final class EpochVectors {
  /// The parameter where the epoch began; the averaged gradient of this epoch, and of the one before, nil in the first.
  private var start: Storage
  private(set) var average: Storage
  private var averageBefore: Storage?

  static let names = ["epoch_start", "epoch_average", "epoch_average_before"]

  init(_ tensor: Tensor) {
    start = tensor.storage.copy()
    average = Storage(zeroed: tensor.byteCount)
  }

  /// nil where they were not saved.
  init?(_ tensor: Tensor, _ saved: (String) -> Storage?) {
    guard let start = saved(Self.names[0]), let average = saved(Self.names[1]) else { return nil }
    self.start = start
    self.average = average
    averageBefore = saved(Self.names[2])
  }

  var named: [(String, Storage)] {
    var vectors = [(Self.names[0], start), (Self.names[1], average)]
    if let averageBefore { vectors.append((Self.names[2], averageBefore)) }
    return vectors
  }

  /// Ends the epoch: s's and s'y of its displacement and of the change of its average, from the second epoch on.
  func close(_ tensor: Tensor) -> (displacement2: Double, displacementChange: Double)? {
    let (scalar, count) = (tensor.dtype.scalar, tensor.count)
    var products: (displacement2: Double, displacementChange: Double)?
    if let averageBefore {
      addScaled(scalar, tensor.pointer, start.pointer, -1, start.pointer, count)
      let sums = previousSums(
        scalar, gradient: average.pointer, direction: start.pointer, parameter: nil,
        gradientBefore: UnsafeRawPointer(averageBefore.pointer), count)
      products = (sums.direction2, sums.changeDirection)
    }
    start.copyContents(from: tensor.storage)
    let free = averageBefore ?? Storage(byteCount: tensor.byteCount)
    averageBefore = average
    average = free
    average.zero()
    return products
  }
}
