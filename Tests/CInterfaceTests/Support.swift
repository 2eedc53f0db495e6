import CLRSwift
import Glibc
import Vocabulary
import XCTest

typealias Handle = OpaquePointer

let ok = lrs_status(LRS_OK)

/// What the calling thread's last failure said.
var lastError: String { String(cString: lrs_last_error()) }

func expectOK(_ status: lrs_status, file: StaticString = #filePath, line: UInt = #line) {
  XCTAssertEqual(status, ok, lastError, file: file, line: line)
}

/// A failure of one kind, with a message that has these parts.
func expect(
  _ kind: Int, _ parts: String..., file: StaticString = #filePath, line: UInt = #line,
  _ call: () -> lrs_status
) {
  XCTAssertEqual(call(), lrs_status(kind), lastError, file: file, line: line)
  for part in parts { XCTAssertTrue(lastError.contains(part), lastError, file: file, line: line) }
}

func makeTensor(_ shape: [Int64], _ values: [Double]? = nil, requiresGrad: Bool = false) -> Handle {
  var out: Handle?
  expectOK(lrs_tensor_create(&out, lrs_dtype(LRS_FLOAT64), Int32(shape.count), shape, values, requiresGrad))
  return out!
}

func makeLabels(_ values: [Int64]) -> Handle {
  var out: Handle?
  expectOK(lrs_tensor_create(&out, lrs_dtype(LRS_INT64), 1, [Int64(values.count)], values, false))
  return out!
}

func describe(_ tensor: Handle) -> lrs_description {
  var description = lrs_description()
  expectOK(lrs_tensor_describe(&description, tensor))
  return description
}

func shape(_ tensor: Handle) -> [Int64] {
  let description = describe(tensor)
  return (0..<Int(description.rank)).map { description.shape[$0] }
}

func values(_ tensor: Handle) -> [Double] {
  var data: UnsafeMutableRawPointer?
  expectOK(lrs_tensor_data(&data, tensor))
  return (0..<Int(describe(tensor).size)).map { data!.load(fromByteOffset: 8 * $0, as: Double.self) }
}

/// Named arguments as C sees them, for the length of a call.
func withAttributes<R>(
  _ numbers: [String: [Double]], texts: [String: String] = [:],
  _ body: (UnsafePointer<lrs_attribute>?, Int) -> R
) -> R {
  var list = texts.map { lrs_attribute(key: strdup($0), values: nil, count: 0, text: strdup($1)) }
  for (key, values) in numbers {
    let room = UnsafeMutablePointer<Double>.allocate(capacity: max(1, values.count))
    room.initialize(from: values, count: values.count)
    list.append(lrs_attribute(key: strdup(key), values: room, count: values.count, text: nil))
  }
  defer {
    for attribute in list {
      free(UnsafeMutablePointer(mutating: attribute.key))
      free(UnsafeMutablePointer(mutating: attribute.text))
      attribute.values?.deallocate()
    }
  }
  return list.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
}

func applyStatus(
  _ out: inout Handle?, _ name: String, _ inputs: [Handle?], _ attributes: [String: [Double]] = [:]
) -> lrs_status {
  withAttributes(attributes) { lrs_apply(&out, name, inputs, inputs.count, $0, $1) }
}

func applied(_ name: String, _ inputs: [Handle], _ attributes: [String: [Double]] = [:]) -> Handle {
  var out: Handle?
  expectOK(applyStatus(&out, name, inputs, attributes))
  return out!
}

func makeOptimizer(
  _ direction: String, _ directionArguments: [String: [Double]] = [:], _ rate: String = "constant",
  _ rateArguments: [String: [Double]] = ["rate": [0.1]]
) -> Handle {
  var out: Handle?
  let status = withAttributes(directionArguments) { list, count in
    withAttributes(rateArguments) { lrs_optimizer_create(&out, direction, list, count, rate, $0, $1) }
  }
  expectOK(status)
  return out!
}

func addGroup(_ optimizer: Handle, _ parameters: [Handle?], _ names: [String]) -> lrs_status {
  let texts = names.map { UnsafePointer<CChar>(strdup($0)) }
  defer { for text in texts { free(UnsafeMutablePointer(mutating: text)) } }
  return lrs_optimizer_add_group(optimizer, parameters, texts, parameters.count, nil, 0)
}

func makeSearch(_ attributes: [String: [Double]] = [:]) -> Handle {
  var out: Handle?
  expectOK(withAttributes(attributes) { lrs_search_create(&out, $0, $1) })
  return out!
}

/// A straight line through the origin of slope 2, to be learned from eight points.
enum Line {
  static let x: [Double] = [0, 1, 2, 3, -1, -2, 0.5, 1.5]
  static var data: [Handle?] { [makeTensor([8], x), makeTensor([8], x.map { 2 * $0 })] }

  /// (w x - 2 x)^2 on average, recorded: curvature 2 mean(x^2), minimum at w = 2.
  static func program(_ w: Handle, batch: Int64) -> Handle {
    let (input, target) = (makeTensor([batch]), makeTensor([batch]))
    expectOK(lrs_record_begin([input, target], 2))
    let error = applied("sub", [applied("mul", [input, w]), target])
    let loss = applied("mean", [applied("square", [error])])
    var program: Handle?
    expectOK(lrs_record_end(&program, [loss], 1))
    for handle in [input, target, error, loss] { lrs_tensor_destroy(handle) }
    return program!
  }
}
