import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class TrainingPointTests: XCTestCase {
  func testItIsSavedWhileItIsThere() {
    let slot = makeSlot(Tensor([2], [1, 2], requiresGrad: true), remembers: [.trainingPoint])
    let memory = slot.memories[0]
    XCTAssertTrue(memory.vectors(of: slot).isEmpty)
    let point = try! slot.tensor.storage.copy()
    slot.trainingPoint = point
    XCTAssertEqual(memory.vectors(of: slot).map(\.name), ["training_point"])
    memory.restore(slot) { _ in nil }
    XCTAssertNil(slot.trainingPoint)
    memory.restore(slot) { $0 == "training_point" ? point : nil }
    XCTAssertTrue(slot.trainingPoint === point)
  }
}
