package s3

import (
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"lastwrite/internal/objstore"
)

// errConflict: another conditional write to the key was under way (409). It stays
// inside the package unless it persists, and leaves the outcome open.
var errConflict = errors.New("conflicting writes to the object")

// classify adds the sentinel that belongs to an answer of the server. The SDK's text
// stays: it names the operation, the status, the error code and the request identifiers that
// a provider's support asks for. Errors without a sentinel are worth another
// attempt. Codes: Amazon S3 API Reference, "Error responses".
func classify(err error) error {
	if err == nil {
		return nil
	}
	if sentinel := byCode(errorCode(err)); sentinel != nil {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	var response *awshttp.ResponseError
	if !errors.As(err, &response) {
		return err
	}
	if sentinel := byStatus(response.HTTPStatusCode()); sentinel != nil {
		if region := bucketRegion(response); region != "" {
			return fmt.Errorf("%w: the bucket is in region %s: %w", sentinel, region, err)
		}
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return err
}

// errorCode is the S3 error code of an answer, empty where there is none.
func errorCode(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// byCode maps the error codes that say more than the status.
func byCode(code string) error {
	switch code {
	case "NoSuchBucket":
		return objstore.ErrNoStore
	case "NoSuchKey":
		return objstore.ErrNotExist
	case "PreconditionFailed":
		return objstore.ErrPrecondition
	case "ConditionalRequestConflict", "OperationAborted":
		return errConflict
	case "InvalidRange":
		return objstore.ErrRange
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccountProblem",
		"InvalidToken", "ExpiredToken", "TokenRefreshRequired", "AllAccessDisabled", "NotSignedUp":
		return objstore.ErrPermission
	case "EntityTooLarge":
		return objstore.ErrTooLarge
	case "KeyTooLongError", "ExistingObjectIsDirectory", "ObjectParentIsFile":
		return objstore.ErrInvalidKey // the last two: servers that keep objects as files
	case "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidArgument",
		"InvalidBucketName", "InvalidRequest", "MalformedXML", "MethodNotAllowed", "NotImplemented",
		"PermanentRedirect", "InvalidObjectState":
		return objstore.ErrRefused
	default:
		return nil
	}
}

// byStatus maps what HeadObject answers without a code, and codes not listed above. A
// skewed clock (RequestTimeTooSkewed) is a 403 as well: the SDK corrects it only
// when it tries again itself, so it is reported, and names itself.
func byStatus(status int) error {
	switch status {
	case http.StatusNotFound:
		return objstore.ErrNotExist
	case http.StatusPreconditionFailed:
		return objstore.ErrPrecondition
	case http.StatusConflict:
		return errConflict
	case http.StatusRequestedRangeNotSatisfiable:
		return objstore.ErrRange
	case http.StatusUnauthorized, http.StatusForbidden:
		return objstore.ErrPermission
	case http.StatusMovedPermanently, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return objstore.ErrRefused
	default:
		return nil
	}
}

// bucketRegion is where S3 says the bucket is, when it was asked in another region.
func bucketRegion(response *awshttp.ResponseError) string {
	if response.Response == nil || response.HTTPStatusCode() != http.StatusMovedPermanently {
		return ""
	}
	return response.Response.Header.Get("x-amz-bucket-region")
}
