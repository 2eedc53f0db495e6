import CLRSwift
import Vocabulary
import XCTest

final class TensorABITests: XCTestCase {
  func testATensorIsWhatItWasMadeFrom() {
    for (shape, count) in [([], 1), ([3], 3), ([2, 0], 0), ([2, 1, 3], 6)] as [([Int64], Int)] {
      let numbers = (0..<count).map { Double($0) + 0.5 }
      let tensor = makeTensor(shape, numbers, requiresGrad: true)
      let description = describe(tensor)
      XCTAssertEqual(CInterfaceTests.shape(tensor), shape)
      XCTAssertEqual(Int(description.size), count)
      XCTAssertEqual(description.dtype, lrs_dtype(LRS_FLOAT64))
      XCTAssertTrue(description.requires_grad && description.is_leaf)
      XCTAssertEqual(values(tensor), numbers)
      lrs_tensor_destroy(tensor)
    }
    let zeros = makeTensor([4])
    XCTAssertEqual(values(zeros), [0, 0, 0, 0])
    lrs_tensor_destroy(zeros)
  }

  func testWhatCannotBeATensor() {
    var out: Handle?
    let double = lrs_dtype(LRS_FLOAT64)
    expect(LRS_TYPE_ERROR, "dtype 9") { lrs_tensor_create(&out, 9, 0, nil, nil, false) }
    expect(LRS_TYPE_ERROR, "dtype -1") { lrs_tensor_create(&out, -1, 0, nil, nil, false) }
    expect(LRS_SHAPE_ERROR, "17") {
      lrs_tensor_create(&out, double, 17, [Int64](repeating: 1, count: 17), nil, false)
    }
    expect(LRS_SHAPE_ERROR, "-2") { lrs_tensor_create(&out, double, 1, [-2], nil, false) }
    expect(LRS_TYPE_ERROR, "int64") { lrs_tensor_create(&out, lrs_dtype(LRS_INT64), 0, nil, nil, true) }
    XCTAssertNil(out)
  }

  func testGradientsGoInAndOut() {
    let x = makeTensor([2], [1, 2], requiresGrad: true)
    var grad: Handle?
    expectOK(lrs_tensor_get_grad(&grad, x))
    XCTAssertNil(grad)
    expect(LRS_SHAPE_ERROR, "(2,)", "(3,)") { lrs_tensor_set_grad(x, makeTensor([3])) }
    expectOK(lrs_tensor_set_grad(x, makeTensor([2], [5, 6])))
    expectOK(lrs_backward(applied("sum", [applied("square", [x])]), nil))
    expectOK(lrs_tensor_get_grad(&grad, x))
    XCTAssertEqual(values(grad!), [7, 10])
    expectOK(lrs_tensor_set_grad(x, nil))
    expectOK(lrs_tensor_get_grad(&grad, x))
    XCTAssertNil(grad)
  }

  func testLeavesAndResults() {
    let x = makeTensor([2], [1, 2])
    expectOK(lrs_tensor_set_requires_grad(x, true))
    let y = applied("square", [x])
    XCTAssertFalse(describe(y).is_leaf)
    expect(LRS_VALUE_ERROR, "detach()") { lrs_tensor_set_requires_grad(y, false) }
    let labels = makeLabels([1])
    expect(LRS_TYPE_ERROR, "int64") { lrs_tensor_set_requires_grad(labels, true) }
    var detached: Handle?
    expectOK(lrs_tensor_detach(&detached, y))
    XCTAssertTrue(describe(detached!).is_leaf)
    lrs_tensor_destroy(y)
    XCTAssertEqual(values(detached!), [1, 4])
    expectOK(lrs_tensor_assign(x, detached))
    XCTAssertEqual(values(x), [1, 4])
    expect(LRS_SHAPE_ERROR, "(2,)", "(1,)") { lrs_tensor_assign(x, labels) }
    for handle in [x, labels, detached] { lrs_tensor_destroy(handle) }
  }

  func testDerivatives() {
    let (x, w) = (makeTensor([2], [1, 2], requiresGrad: true), makeTensor([2], [3, -1], requiresGrad: true))
    let other = makeTensor([1], [1], requiresGrad: true)
    let product = applied("mul", [x, w])
    let loss = applied("sum", [applied("square", [product])])
    var outs: [Handle?] = [nil, nil, nil]
    expectOK(lrs_gradients(&outs, loss, nil, [x, other, w], 3))
    XCTAssertEqual(values(outs[0]!), [18, 4])
    XCTAssertNil(outs[1])
    XCTAssertEqual(values(outs[2]!), [6, -8])
    expectOK(lrs_gradients(&outs, product, makeTensor([2], [1, 10]), [x], 1))
    XCTAssertEqual(values(outs[0]!), [3, -10])
    expect(LRS_SHAPE_ERROR, "seed") { lrs_gradients(&outs, product, makeTensor([1]), [x], 1) }
    expect(LRS_SHAPE_ERROR, "scalar") { lrs_backward(product, nil) }
    var out: Handle?
    let tangents = makeTensor([2, 2], [1, 0, 0, 1])
    expectOK(lrs_jvp(&out, product, [x], [tangents], 1))
    XCTAssertEqual(shape(out!), [2, 2])
    XCTAssertEqual(values(out!), [3, 0, 0, -1])
    expectOK(lrs_hvp(&outs, loss, [x], [tangents], 1))
    XCTAssertEqual(values(outs[0]!), [18, 0, 0, 2])
    expect(LRS_VALUE_ERROR, "vectors") { lrs_hvp(&outs, loss, nil, nil, 0) }
    expect(LRS_VALUE_ERROR, "no operation 'sinc'") { applyStatus(&out, "sinc", [x]) }
  }

  func testValuesAreHiddenWhileRecording() {
    let x = makeTensor([1], [2])
    expectOK(lrs_record_begin([x], 1))
    var data: UnsafeMutableRawPointer?
    expect(LRS_RECORDING_ERROR, "recorded") { lrs_tensor_data(&data, x) }
    expect(LRS_RECORDING_ERROR, "already") { lrs_record_begin([x], 1) }
    lrs_record_abort()
    XCTAssertEqual(values(x), [2])
    lrs_tensor_destroy(x)
  }

  func testSharedMemoryIsReleasedWithItsLastTensor() {
    let memory = UnsafeMutablePointer<Double>.allocate(capacity: 4)
    let ends = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    defer { memory.deallocate(); ends.deallocate() }
    memory.initialize(repeating: 2, count: 4)
    ends.pointee = 0
    let double = lrs_dtype(LRS_FLOAT64)
    let release: @convention(c) (UnsafeMutableRawPointer?) -> Void = {
      $0!.assumingMemoryBound(to: Int32.self).pointee += 1
    }
    var out: Handle?
    func share(_ shape: [Int64], _ data: UnsafeMutableRawPointer?) -> lrs_status {
      lrs_tensor_share(&out, double, Int32(shape.count), shape, data, release, ends)
    }
    let raw = UnsafeMutableRawPointer(memory)
    expect(LRS_SHAPE_ERROR, "-1") { share([-1], raw) }
    expect(LRS_VALUE_ERROR, "data", "NULL") { share([2], nil) }
    expect(LRS_VALUE_ERROR, "aligned", "8") { share([2], raw + 4) }
    expect(LRS_TYPE_ERROR, "dtype 9") { lrs_tensor_share(&out, 9, 0, nil, raw, release, ends) }
    expect(LRS_VALUE_ERROR, "release") { lrs_tensor_share(&out, double, 0, nil, raw, nil, ends) }
    XCTAssertNil(out)
    XCTAssertEqual(ends.pointee, 0)

    expectOK(share([2, 2], raw))
    let x = out!
    memory[3] = 5
    XCTAssertEqual(values(x), [2, 2, 2, 5])
    expectOK(lrs_tensor_assign(x, makeTensor([2, 2], [1, 2, 3, 4])))
    XCTAssertEqual(memory[2], 3)
    var detached: Handle?
    expectOK(lrs_tensor_detach(&detached, x))
    lrs_tensor_destroy(x)
    XCTAssertEqual(ends.pointee, 0)
    lrs_tensor_destroy(detached)
    XCTAssertEqual(ends.pointee, 1)
  }
}
