import Autodiff
import XCTest

@testable import Training

final class EpochVectorsTests: XCTestCase {
  /// s and y by hand: the average of each epoch, the way between its ends; nothing before two averages are known.
  func testProductsOfTheDisplacementAndTheChange() throws {
    let tensor = Tensor([3], [1, 2, 3])
    let vectors = EpochVectors(tensor)
    func observe(_ average: [Double]) {
      vectors.average.copyContents(from: Tensor([3], average).storage)
    }
    observe([1, 1, 0])
    XCTAssertNil(vectors.close(tensor))
    try tensor.assign(Tensor([3], [0, 4, 3]))
    observe([2, 0, 5])
    let first = try XCTUnwrap(vectors.close(tensor))
    XCTAssertEqual(first.displacement2, 5)
    XCTAssertEqual(first.displacementChange, -1 * 1 + 2 * -1)
    try tensor.assign(Tensor([3], [0, 4, 4]))
    let saved = Dictionary(uniqueKeysWithValues: vectors.named.map { ($0.0, $0.1.copy()) })
    for epoch in [vectors, try XCTUnwrap(EpochVectors(tensor) { saved[$0] })] {
      epoch.average.copyContents(from: Tensor([3], [0, 0, 6]).storage)
      let second = try XCTUnwrap(epoch.close(tensor))
      XCTAssertEqual(second.displacement2, 1)
      XCTAssertEqual(second.displacementChange, 1)
    }
    XCTAssertNil(EpochVectors(tensor) { _ in nil })
  }
}
