//! `grpc.health.v1.Health`: the member as a whole, which serves as long as it answers.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use proto::health::health_check_response::ServingStatus;
use proto::health::health_server::Health;
use proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use tonic::{Request, Response, Status};

use crate::service::{Answers, Service};

/// The name of everything together, the only one that etcd knows.
const OVERALL: &str = "";

#[tonic::async_trait]
impl Health for Service {
    type WatchStream = Answers<HealthCheckResponse>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if request.into_inner().service == OVERALL {
            Ok(Response::new(answer(ServingStatus::Serving)))
        } else {
            Err(Status::not_found("unknown service"))
        }
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let statuses = BTreeMap::from([(OVERALL.to_owned(), answer(ServingStatus::Serving))]);
        Ok(Response::new(HealthListResponse { statuses }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let is_known = request.into_inner().service == OVERALL;
        let status = if is_known { ServingStatus::Serving } else { ServingStatus::ServiceUnknown };
        // It does not change; the stream ends with the connection.
        let statuses = stream::iter([Ok(answer(status))]).chain(stream::pending());
        Ok(Response::new(statuses.boxed()))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
