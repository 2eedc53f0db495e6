import Autodiff
import Kernels
import Vocabulary

extension Tensor {
  public convenience init(
    _ shape: [Int], _ values: [Double], _ dtype: DType = .float64, requiresGrad: Bool = false
  ) {
    try! self.init(shape: shape, dtype: dtype, requiresGrad: requiresGrad)
    precondition(values.count == count)
    castElements(.float64, values, dtype, pointer, count)
  }

  public var values: [Double] {
    var result = [Double](repeating: 0, count: count)
    let dense = try! dense()
    withExtendedLifetime(dense) { castElements(dtype, dense.pointer, .float64, &result, count) }
    return result
  }
}
